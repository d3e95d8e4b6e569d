import { deployedClosure, type HostView } from "@nixfleet/protocol";
import { Link, Outlet, useMatchRoute, useParams } from "@tanstack/react-router";
import { MoreHorizontal, ScrollText } from "lucide-react";
import { createContext, lazy, Suspense, useContext } from "react";
import { Breadcrumb, Crumb } from "../../components/breadcrumb.tsx";
import { buttonClass, IconButton } from "../../components/button.tsx";
import { HostName } from "../../components/host-name.tsx";
import { Icon } from "../../components/icon.tsx";
import { MenuButton } from "../../components/menu-button.tsx";
import { MissingPage, PageSkeleton } from "../../components/page-placeholder.tsx";
import { Reachability } from "../../components/reachability.tsx";
import { STATUS_WORDS } from "../../components/status-icon.tsx";
import { StatusPill } from "../../components/status-pill.tsx";
import { TabRow, tabClass } from "../../components/tabs.tsx";
import { Tag } from "../../components/tag.tsx";
import { formatCount } from "../../format/quantity.ts";
import { useHost, useHostChanges, useHostRows } from "../../live/use-live.ts";
import { NextButton } from "../../ops/next-button.tsx";
import { usePageTitle } from "../../screen/use-page-title.ts";
import { ChangesActions } from "./changes-actions.tsx";
import { useHostRemoval } from "./host-removal.ts";

const HostMenu = lazy(() => import("./host-menu.tsx"));
const RemoveHostDialog = lazy(() => import("./remove-host.tsx"));

const HostContext = createContext<HostView | null>(null);

/** The host that the page is about. Only below its frame. */
export function useThisHost(): HostView {
  const host = useContext(HostContext);
  if (host === null) throw new Error("There is a host only below its frame.");
  return host;
}

/** The head and the tabs of a host's pages. A host is named in the address by its name, or by its id, which outlives a new name. */
export function HostFrame() {
  const { host: name } = useParams({ from: "/signed-in/hosts/$host" });
  const rows = useHostRows();
  usePageTitle(name);
  if (rows === undefined) return WAITING;
  const row = rows.find((each) => each.name === name) ?? rows.find((each) => each.id === name);
  if (row === undefined) return <NoHost name={name} />;
  return <FoundHost key={row.id} id={row.id} name={name} />;
}

function FoundHost({ id, name }: { id: string; name: string }) {
  const removing = useHostRemoval(({ host }) => host);
  const view = useHost(id);
  if (view === undefined) return WAITING;
  if (view === "gone") return <NoHost name={name} />;
  return (
    <HostContext value={view}>
      <Breadcrumb>
        <Crumb>
          <Link to="/">Fleet</Link>
        </Crumb>
        <Crumb>{view.row.name}</Crumb>
      </Breadcrumb>
      <Head view={view} />
      <TabRow label="Host pages">
        <Link
          to="/hosts/$host"
          params={{ host: name }}
          className={tabClass}
          activeOptions={{ exact: true, includeSearch: false }}
        >
          Overview
        </Link>
        <Tab to="/hosts/$host/generations" host={name} count={view.facts.generations?.length}>
          Generations
        </Tab>
        <ChangesTab view={view} host={name} />
        <Link to="/hosts/$host/runs" params={{ host: name }} className={tabClass}>
          Runs
        </Link>
      </TabRow>
      <Outlet />
      <Suspense>{removing && <RemoveHostDialog host={removing} />}</Suspense>
    </HostContext>
  );
}

function Tab({
  to,
  host,
  count,
  children,
}: {
  to: "/hosts/$host/generations" | "/hosts/$host/changes";
  host: string;
  count: number | undefined;
  children: string;
}) {
  return (
    <Link to={to} params={{ host }} className={tabClass} activeOptions={{ includeSearch: false }}>
      {children}
      {count !== undefined && count > 0 && (
        <span className="text-small font-normal text-faint tabular-nums">{formatCount(count)}</span>
      )}
    </Link>
  );
}

/** With how many packages would change, as long as that is so. */
function ChangesTab({ view, host }: { view: HostView; host: string }) {
  const changes = useHostChanges(view.row.id);
  const deployed = view.facts.running && deployedClosure(view.facts.running);
  const waits = changes?.standing === "fresh" && changes.preview?.closure !== deployed;
  const diff = waits ? changes.diff : null;
  return (
    <Tab
      to="/hosts/$host/changes"
      host={host}
      count={diff ? diff.added.length + diff.removed.length + diff.changed.length : undefined}
    >
      Changes
    </Tab>
  );
}

function Head({ view }: { view: HostView }) {
  const { row, facts, failure } = view;
  const onChanges = useMatchRoute()({ to: "/hosts/$host/changes" }) !== false;
  return (
    <header className="flex flex-wrap items-center gap-x-6 gap-y-3 pt-3">
      <div className="min-w-0 flex-1 max-phone:basis-full">
        <h1 className="flex flex-wrap items-center gap-x-3.5 gap-y-1 text-title">
          <HostName name={row.name} colour={row.color} away={row.reachability.state !== "online"} size="head" />
          <StatusPill status={row.status} loud className="tracking-normal">
            {pillWord(view)}
          </StatusPill>
        </h1>
        <div className="mt-1 flex flex-wrap items-center gap-x-5 gap-y-1 pl-[15px] text-small text-muted">
          <Reachability state={row.reachability.state} since={row.reachability.since ?? undefined} />
          {facts.os && (
            <span>
              {facts.os.name} {facts.os.version}
            </span>
          )}
          {row.system && <span>{row.system}</span>}
          {row.location && <span>{row.location}</span>}
          {row.deviceType && <span>{row.deviceType}</span>}
          {row.tags.length > 0 && (
            <span className="flex flex-wrap gap-1">
              {row.tags.map((tag) => (
                <Tag key={tag}>{tag}</Tag>
              ))}
            </span>
          )}
        </div>
      </div>
      <div className="flex flex-wrap items-center gap-2">
        {onChanges ? (
          <ChangesActions view={view} />
        ) : (
          <>
            {failure && (
              <Link to="/runs/$run" params={{ run: failure.id }} className={buttonClass()}>
                <Icon of={ScrollText} />
                Failure log
              </Link>
            )}
            <NextButton row={row} size="normal" variant="ink" />
          </>
        )}
        <MenuButton
          trigger={<IconButton icon={MoreHorizontal} label="All actions" variant="outline" />}
          renderMenu={(place) => <HostMenu {...place} row={row} />}
        />
      </div>
    </header>
  );
}

function pillWord({ row }: HostView): string {
  if (row.run && row.run.state !== "queued") return row.run.word;
  if (row.status === "ok") return "current";
  return row.cause?.lead ?? STATUS_WORDS[row.status];
}

const WAITING = <PageSkeleton of="the host" bars={["h-6 w-56", "w-96 max-w-full", "mt-10 h-40"]} />;

function NoHost({ name }: { name: string }) {
  return (
    <MissingPage heading={name} title={`There is no host ${name}`} link={{ to: "/", label: "All hosts" }}>
      It was removed or renamed.
    </MissingPage>
  );
}
