import { type HostView, type Metrics, shortCommit } from "@nixfleet/protocol";
import type { ReactNode } from "react";
import { KeyValue } from "../../components/key-value.tsx";
import { Bar } from "../../components/meter.tsx";
import { RelativeTime } from "../../components/relative-time.tsx";
import { SectionHead } from "../../components/section-head.tsx";
import { StatusIcon } from "../../components/status-icon.tsx";
import { formatDuration } from "../../format/duration.ts";
import { formatBytesOf, formatPercent } from "../../format/quantity.ts";
import { useTimed } from "../../time/clock.ts";
import { meterTone } from "../fleet/meter-tone.ts";
import { HostNotes } from "./host-notes.tsx";
import { HostToken } from "./host-token.tsx";
import { policyWords } from "./policy-words.ts";
import { SidePart } from "./side-part.tsx";

/** The facts of the host. A fact that was never reported is left out. */
export function HostSide({ view }: { view: HostView }) {
  const { facts, metrics } = view;
  return (
    <aside aria-label="Facts">
      <RunningSystem view={view} />
      {facts.failedUnits !== undefined && facts.failedUnits.length > 0 && (
        <SidePart title="Failed units" count={facts.failedUnits.length}>
          <ul>
            {facts.failedUnits.map((unit) => (
              <li key={unit} className="flex min-h-7 items-center gap-2">
                <StatusIcon status="broken" size={16} />
                <code className="min-w-0 wrap-anywhere">{unit}</code>
              </li>
            ))}
          </ul>
        </SidePart>
      )}
      {metrics?.disks !== undefined && metrics.disks.length > 0 && (
        <SidePart title="Disk">
          <ul className="grid gap-2.5">
            {metrics.disks.map((disk) => (
              <Disk key={disk.mount} disk={disk} />
            ))}
          </ul>
        </SidePart>
      )}
      <SidePart title="Agent">
        <AgentFacts view={view} />
        <HostToken view={view} />
      </SidePart>
      <HostNotes view={view} />
    </aside>
  );
}

function RunningSystem({ view }: { view: HostView }) {
  const { row, facts, runningSubject, deployedBy } = view;
  const rows: (readonly [string, ReactNode])[] = [];
  if (row.runs.generation !== null) {
    rows.push([
      "Generation",
      <>
        {row.runs.generation}{" "}
        {facts.generations !== undefined && facts.generations.length > 0 && (
          <span className="text-faint">of {facts.generations.length} kept</span>
        )}
      </>,
    ]);
  }
  if (row.runs.commit) {
    rows.push([
      "Commit",
      <>
        <code>{shortCommit(row.runs.commit)}</code>{" "}
        {row.runs.since !== null && (
          <span className="text-faint">
            for <RelativeTime at={row.runs.since} form="bare" />
          </span>
        )}
      </>,
    ]);
  }
  if (row.runs.specialisation !== null) rows.push(["Specialisation", row.runs.specialisation]);
  if (runningSubject) rows.push(["Subject", runningSubject]);
  if (deployedBy) rows.push(["Deployed by", deployedBy]);
  if (facts.kernel) rows.push(["Kernel", facts.kernel]);
  if (facts.reboot?.needed) {
    rows.push([
      "Reboot",
      <span key="reboot" className="text-attention">
        needed: {facts.reboot.reasons.join(", ")}
      </span>,
    ]);
  }
  if (facts.boot) rows.push(["Uptime", <Since key="up" at={facts.boot.at} />]);
  return (
    <section>
      <SectionHead title="Running system" className="-mt-1" />
      {rows.length > 0 ? <KeyValue entries={rows} /> : <p className="text-small text-muted">The host has not reported yet.</p>}
    </section>
  );
}

function AgentFacts({ view }: { view: HostView }) {
  const { facts, policy } = view;
  const rows: (readonly [string, ReactNode])[] = [];
  if (facts.agent) {
    rows.push(["Version", facts.agent.version], ["Started", <RelativeTime key="started" at={facts.agent.startedAt} />]);
  }
  if (facts.nix) rows.push(["Nix", facts.nix]);
  if (policy) rows.push(...policyWords(policy));
  return <KeyValue entries={rows} />;
}

function Since({ at }: { at: number }) {
  return useTimed((now) => formatDuration(Math.floor((now - at) / 60_000) * 60_000));
}

function Disk({ disk }: { disk: NonNullable<Metrics["disks"]>[number] }) {
  const share = disk.total === 0 ? undefined : disk.used / disk.total;
  const tone = meterTone(share);
  return (
    <li>
      <div className="flex items-baseline gap-2 text-small text-muted tabular-nums">
        <code className="min-w-0 flex-1 truncate text-text">{disk.mount}</code>
        <span>{formatBytesOf(disk.used, disk.total)}</span>
        <span className={tone === "attention" ? "w-10 text-right text-attention" : "w-10 text-right"}>
          {share !== undefined && formatPercent(share)}
        </span>
      </div>
      <Bar share={share} tone={tone} label={`${disk.mount} in use`} className="mt-1 h-1" />
    </li>
  );
}
