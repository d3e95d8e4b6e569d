import type { Status } from "@nixfleet/protocol";
import { Hourglass, MoreHorizontal, Server } from "lucide-react";
import { type ReactNode, useRef, useState } from "react";
import { PackageList } from "../closure/package-list.tsx";
import { UnitChanges } from "../closure/unit-changes.tsx";
import { ActionBar } from "../components/action-bar.tsx";
import { Banner } from "../components/banner.tsx";
import { Button, IconButton } from "../components/button.tsx";
import { Checkbox } from "../components/checkbox.tsx";
import { chipClass } from "../components/chip.tsx";
import { CodeBlock } from "../components/code-block.tsx";
import { CompartmentPill } from "../components/compartment-pill.tsx";
import { CopyButton } from "../components/copy-button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { HostName } from "../components/host-name.tsx";
import { Field, SearchInput } from "../components/input.tsx";
import { Kbd } from "../components/kbd.tsx";
import { KeyValue } from "../components/key-value.tsx";
import { LinkDot } from "../components/link-dot.tsx";
import { Menu, MenuItem, MenuLine } from "../components/menu.tsx";
import { MenuButton } from "../components/menu-button.tsx";
import { Bar, Meter } from "../components/meter.tsx";
import { PhaseBar, type PhaseSegment } from "../components/phase-bar.tsx";
import { ProblemNotice } from "../components/problem-notice.tsx";
import { Reachability } from "../components/reachability.tsx";
import { RelativeTime } from "../components/relative-time.tsx";
import { Skeleton, SkeletonRows } from "../components/skeleton.tsx";
import { Sparkline } from "../components/sparkline.tsx";
import { StatusMark } from "../components/status-icon.tsx";
import { StatusPill } from "../components/status-pill.tsx";
import { Switch } from "../components/switch.tsx";
import { Table, TableFrame, Td, Th } from "../components/table.tsx";
import { Tag } from "../components/tag.tsx";
import { notify } from "../components/toast.tsx";

import { ArmedLine } from "../deadman/armed-line.tsx";
import { PICTURE_DIFF, storePath } from "./mock-changes.ts";

const MINUTE = 60_000;
const NOW = Date.now();
const SWATCHES =
  "bg surface raised sunken hover border border-strong text muted faint ink accent accent-fill accent-soft ok ok-fill ok-soft attention attention-fill attention-soft broken broken-fill broken-soft working working-fill working-soft unknown unknown-fill unknown-soft".split(
    " ",
  );

const segment = (name: string, state: PhaseSegment["state"], weight: number, note: string, share?: number): PhaseSegment => ({
  name,
  label: name,
  state,
  weight,
  note,
  share,
});

/** Every component in every state, for looking at them beside the design's pictures. Not part of what is shipped. */
export default function ComponentSheet() {
  return (
    <main className="px-(--gutter) pt-8 pb-24">
      <h1 className="mb-2 text-title">Components, in every state</h1>
      <div className="grid grid-cols-2 gap-x-12 max-desk:grid-cols-1">
        <Part title="Colour" wide>
          <div className="grid grid-cols-[repeat(15,1fr)] gap-2 max-desk:grid-cols-5">
            {SWATCHES.map((name) => (
              <div key={name}>
                <i className="block h-8 rounded-s border border-border" style={{ background: `var(--${name})` }} />
                <span className="text-label text-muted">{name}</span>
              </div>
            ))}
          </div>
        </Part>
        <Part title="Status pill">
          <Line label="Loud">
            {(["ok", "attention", "broken", "working", "unknown"] satisfies Status[]).map((status, index) => (
              <StatusPill key={status} status={status} loud>
                {["succeeded", "not switched", "failed", "Build 61 %", "not known"][index]}
              </StatusPill>
            ))}
          </Line>
          <Line label="Quiet">
            <StatusPill status="ok">current</StatusPill>
            <StatusPill status="unknown">not yet</StatusPill>
            <StatusPill status="unknown" icon={Hourglass}>
              queued
            </StatusPill>
          </Line>
          <Line label="Compartment">
            <CompartmentPill
              compartment="git"
              status="attention"
              word="3 behind"
              sentence="The clone is 3 commits behind the target."
            />
            <CompartmentPill compartment="git" status="attention" word="3 behind" named />
            <CompartmentPill compartment="git" status="ok" word="at target" named />
          </Line>
          <Line label="Reachable">
            <Reachability state="online" />
            <Reachability state="stale" since={NOW - 4 * MINUTE} />
            <Reachability state="offline" since={NOW - 180 * MINUTE} />
            <Reachability state="never" />
          </Line>
        </Part>
        <Part title="Next action and buttons">
          <Line label="Normal">
            <Button variant="ink">Update all</Button>
            <Button size="row">Switch</Button>
            <Button variant="ghost">Cancel</Button>
            <Button variant="danger">Remove host…</Button>
          </Line>
          <Line label="Sent, off">
            <Button size="row" sent>
              Switch
            </Button>
            <Button size="row" disabledReason="The host is offline.">
              Switch
            </Button>
            <span className="text-label text-faint">off always says why, beside it or on hover</span>
          </Line>
          <Line label="Icon, copy">
            <IconButton icon={MoreHorizontal} label="More" />
            <CopyButton text="nixfleet hosts" label="Copy" />
            <CopyButton text="nixfleet hosts" name="the command" />
            <MenuButton
              trigger={<Button>Menu</Button>}
              renderMenu={(place) => (
                <Menu {...place}>
                  <MenuItem onSelect={() => {}}>Pull</MenuItem>
                  <MenuItem onSelect={() => {}} disabledReason="The host is offline.">
                    Refresh
                  </MenuItem>
                  <MenuLine />
                  <MenuItem onSelect={() => {}} danger>
                    Remove host…
                  </MenuItem>
                </Menu>
              )}
            />
          </Line>
        </Part>
        <Part title="Table row" wide>
          <Rows />
        </Part>
        <Part title="Progress with phases">
          <PhaseBar
            segments={[
              segment("Fetch", "done", 1, "1 s"),
              segment("Evaluate", "done", 1.2, "22 s"),
              segment("Build", "current", 3, "61 %", 0.61),
              segment("Activate", "to-come", 1.1, "~9 s"),
              segment("Test", "to-come", 1, "~15 s"),
            ]}
          />
          <div className="h-4" />
          <PhaseBar
            tall
            segments={[
              segment("Fetch", "done", 1, "1 s"),
              segment("Evaluate", "done", 1.2, "20 s"),
              segment("Build", "done", 3, "2 min 40 s"),
              segment("Activate", "failed", 1.1, "failed"),
              segment("Test", "skipped", 1, "skipped"),
            ]}
          />
        </Part>
        <Part title="Toast">
          <Line label="Shown">
            <Button
              onClick={() =>
                notify({
                  status: "ok",
                  title: "Switch of csb1 queued",
                  detail: "It starts when csb1 is back.",
                  action: { label: "Undo", press: () => {} },
                })
              }
            >
              Good news
            </Button>
            <Button
              onClick={() => notify({ status: "broken", title: "csb1 refused", detail: "Another run is active on this host." })}
            >
              Bad news
            </Button>
          </Line>
        </Part>
        <Part title="Dialog">
          <DialogExample />
        </Part>
        <Part title="Empty state">
          <EmptyState icon={Server} title="No host has these tags" action={<Button>Clear the search</Button>}>
            Nothing matches <code>tag:web os:macOS</code>. 14 hosts are in the fleet.
          </EmptyState>
        </Part>
        <Part title="Problem">
          <ProblemNotice
            title="nginx.service did not start"
            aside={
              <>
                <RelativeTime at={NOW - 12 * MINUTE} />, by admin
              </>
            }
            next="The next step: make the name resolvable or fix the upstream, then retry."
            actions={
              <a href="#run" className="font-medium text-accent">
                Open run
              </a>
            }
          >
            <CodeBlock label="First error" small>
              <span className="text-broken">nginx[88213]: [emerg] host not found in upstream "grafana.internal:3000"</span>
            </CodeBlock>
          </ProblemNotice>
          <div className="h-4" />
          <Banner status="attention" action={<Button size="row">Try again</Button>}>
            The config repository could not be read for 14 min.
          </Banner>
        </Part>
        <Part title="Packages that differ" wide>
          <PackageList diff={PICTURE_DIFF} />
        </Part>
        <Part title="Units that are touched">
          <UnitChanges
            units={{ stop: ["cups.service"], start: [], restart: ["pipewire.service"], reload: ["dbus-broker.service"] }}
          />
          <UnitChanges units={{ stop: [], start: [], restart: [], reload: [] }} />
          <UnitChanges units={null} />
        </Part>
        <Part title="Dead-man switch">
          <div className="grid gap-4">
            <ArmedLine armed={{ until: NOW + 38_000, back: storePath("csb1", "a") }} />
            <ArmedLine armed={{ until: NOW - 1_000, back: "generation 287" }} />
          </div>
        </Part>
        <Part title="Link, input, tag, skeleton">
          <Line label="Link">
            <LinkDot state="live" words="Live" />
            <LinkDot state="reconnecting" words="Reconnecting in 3 s" />
            <LinkDot state="offline" words="Offline since 12:04" />
          </Line>
          <Line label="Search">
            <SearchInput label="Search" placeholder="Search" end={<Kbd>/</Kbd>} className="w-48" />
          </Line>
          <Line label="Tag, chip">
            <Tag>cloud</Tag>
            <Tag>web</Tag>
            <button type="button" className={chipClass(true)}>
              All 14
            </button>
            <button type="button" className={chipClass(false)}>
              NixOS 11
            </button>
          </Line>
          <Line label="Skeleton">
            <Skeleton className="w-24" />
            <Skeleton className="w-44" />
          </Line>
          <TableFrame>
            <SkeletonRows rows={2} label="Loading" />
          </TableFrame>
        </Part>
        <Part title="Fields, facts, meters">
          <div className="grid gap-4">
            <Field label="Name" hint="As the machine calls itself." defaultValue="nuc1" />
            <Field label="Name" fault="Another host has this name." defaultValue="nuc0" />
            <Switch label="Force the run" hint="Skips the checks that can be skipped." checked={false} readOnly />
            <Switch label="Force the run" checked readOnly />
            <KeyValue
              entries={[
                ["Kernel", "6.12.58"],
                ["Up", "41 d 6 h"],
              ]}
            />
            <Bar share={0.73} label="/nix" />
            <Bar share={0.81} tone="attention" label="/boot" />
            <Sparkline samples={Array.from({ length: 90 }, (_, index) => 30 + 20 * Math.sin(index / 9))} max={100} />
          </div>
        </Part>
      </div>
    </main>
  );
}

function Part({ title, wide = false, children }: { title: string; wide?: boolean; children: ReactNode }) {
  return (
    <section className={`min-w-0 border-t border-border pt-3.5 pb-6 ${wide ? "col-span-full" : ""}`}>
      <h2 className="mb-2.5 font-semibold tracking-name">{title}</h2>
      {children}
    </section>
  );
}

function Line({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex min-h-10 flex-wrap items-center gap-3">
      <span className="w-[84px] text-small text-faint">{label}</span>
      {children}
    </div>
  );
}

const ROWS = [
  { name: "hsb0", state: "normal", status: "ok", system: ["ok", "current"], tests: ["ok", "12 passed"], action: undefined },
  {
    name: "gpc0",
    state: "hover",
    status: "attention",
    system: ["attention", "not switched"],
    tests: ["unknown", "not yet"],
    action: "Switch",
  },
  { name: "csb0", state: "selected", status: "ok", system: ["ok", "current"], tests: ["ok", "9 passed"], action: undefined },
  {
    name: "csb1",
    state: "failed",
    status: "broken",
    system: ["broken", "failed"],
    tests: ["unknown", "not run"],
    action: "Retry",
  },
] as const;

function Rows() {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set(["csb0"]));
  return (
    <>
      <TableFrame>
        <Table>
          <colgroup>
            {[36, 150, 130, 151, 149, 100, 124, 108, 40].map((width) => (
              <col key={width} style={{ width }} />
            ))}
          </colgroup>
          <thead>
            <tr>
              {["", "Host", "Git", "System", "Tests", "Memory", "Seen", "", ""].map((head, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: heads never change places.
                <Th key={index}>{head}</Th>
              ))}
            </tr>
          </thead>
          <tbody>
            {ROWS.map((row) => (
              <tr
                key={row.name}
                className={`group/row ${selected.has(row.name) ? "bg-accent-soft" : row.state === "hover" ? "bg-hover" : ""}`}
              >
                <Td>
                  <Checkbox
                    label={`Select ${row.name}`}
                    checked={selected.has(row.name)}
                    onChange={(event) => {
                      const next = new Set(selected);
                      if (event.currentTarget.checked) next.add(row.name);
                      else next.delete(row.name);
                      setSelected(next);
                    }}
                  />
                </Td>
                <Td>
                  <span className="flex items-center gap-2">
                    <StatusMark status={row.status} />
                    <HostName name={row.name} />
                  </span>
                </Td>
                <Td>
                  <CompartmentPill compartment="git" status="ok" word="at target" />
                </Td>
                <Td>
                  <CompartmentPill compartment="system" status={row.system[0]} word={row.system[1]} />
                </Td>
                <Td>
                  <CompartmentPill compartment="tests" status={row.tests[0]} word={row.tests[1]} />
                </Td>
                <Td>
                  <Meter share={0.38}>38 %</Meter>
                </Td>
                <Td>
                  <Reachability state="online" />
                </Td>
                <Td className="text-right">
                  {row.action && (
                    <Button size="row" className="w-[92px]">
                      {row.action}
                    </Button>
                  )}
                </Td>
                <Td pad="none" whole>
                  <IconButton icon={MoreHorizontal} label={`More for ${row.name}`} size="row" />
                </Td>
              </tr>
            ))}
          </tbody>
        </Table>
      </TableFrame>
      {selected.size > 0 && (
        <ActionBar label={`${selected.size} selected`} onClear={() => setSelected(new Set())}>
          <Button size="row">Pull</Button>
          <Button size="row">Switch…</Button>
        </ActionBar>
      )}
    </>
  );
}

function DialogExample() {
  const [open, setOpen] = useState(false);
  const cancel = useRef<HTMLButtonElement>(null);
  return (
    <>
      <Button onClick={() => setOpen(true)}>Open</Button>
      <Dialog
        open={open}
        onClose={() => setOpen(false)}
        initialFocus={cancel}
        title={
          <>
            Switch 3 hosts to <code>7f3a91c</code>?
          </>
        }
        actions={
          <>
            <Button ref={cancel} onClick={() => setOpen(false)}>
              Cancel
            </Button>
            <Button variant="ink">Switch 3 hosts</Button>
          </>
        }
      >
        <p>csb0, hsb8 and mon0 build and activate “nginx: raise worker connections on the edge hosts”.</p>
        <KeyValue entries={[["Takes about", "6 min, from their history"]]} />
      </Dialog>
    </>
  );
}
