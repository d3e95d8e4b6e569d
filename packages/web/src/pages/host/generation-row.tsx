import { type GenerationView, type HostRow, shortCommit } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { Undo2 } from "lucide-react";
import { Button } from "../../components/button.tsx";
import { Checkbox } from "../../components/checkbox.tsx";
import { classNames } from "../../components/class-names.ts";
import { RelativeTime } from "../../components/relative-time.tsx";
import { StatusPill } from "../../components/status-pill.tsx";
import { Tag } from "../../components/tag.tsx";
import { formatClock } from "../../format/duration.ts";
import { usePendingOp } from "../../ops/pending-ops.ts";
import { denialOf } from "../../ops/requests.ts";
import { useSession } from "../../shell/session.ts";
import { useTimed } from "../../time/clock.ts";

interface GenerationRowProps {
  readonly host: HostRow;
  readonly generation: GenerationView;
  /** Why it cannot be rolled back to, unless the list says so for all. */
  readonly denied: string | null;
  readonly chosen: boolean;
  readonly onChoose: () => void;
  readonly onRollBack: () => void;
}

/** One generation of the timeline: number, commit, who deployed it, and rollback to it. */
export function GenerationLine(props: GenerationRowProps) {
  const { generation, denied, chosen } = props;
  const { number, closure, commit } = generation;
  return (
    <li
      className={classNames(
        "group/row relative -mx-2 grid min-h-11 items-center gap-x-4 rounded-m px-2",
        "grid-cols-[16px_9px_40px_minmax(0,1fr)_64px_150px_180px_152px]",
        chosen ? "bg-accent-soft" : "hover:bg-hover",
      )}
    >
      <Choice {...props} />
      <Dot generation={generation} />
      <Which number={number} there={closure !== null} />
      <div className="min-w-0 py-1.5">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <What generation={generation} />
          <Marks generation={generation} />
        </p>
        {closure !== null && denied !== null && <p className="text-label text-faint wrap-anywhere">{denied}</p>}
      </div>
      {commit === null ? <span /> : <code className="text-small text-muted">{shortCommit(commit)}</code>}
      <span className="truncate text-small text-muted">
        <By generation={generation} />
      </span>
      <span className="text-right text-small whitespace-nowrap text-muted tabular-nums">
        <Made at={generation.at} />
      </span>
      <span className="justify-self-end">
        <Back {...props} />
      </span>
    </li>
  );
}

/** The same for narrow screens. */
export function GenerationCard(props: GenerationRowProps) {
  const { generation, denied, chosen } = props;
  const { number, closure, commit } = generation;
  return (
    <li
      className={classNames(
        "-mx-2 grid grid-cols-[16px_minmax(0,1fr)] gap-x-3 border-b border-border px-2 py-3 max-phone:mx-0 max-phone:grid-cols-[36px_minmax(0,1fr)] max-phone:gap-x-0 max-phone:px-0",
        chosen && "bg-accent-soft",
      )}
    >
      <span className="max-phone:-mt-3 max-phone:-ml-3.5 [&>label]:mt-0.5">
        <Choice {...props} />
      </span>
      <div className="min-w-0">
        <p className="wrap-anywhere">
          <Which number={number} there={closure !== null} /> <What generation={generation} />
        </p>
        <p className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-small text-muted">
          <Marks generation={generation} />
          <span className="tabular-nums">
            <Made at={generation.at} />
          </span>
          {commit !== null && <code>{shortCommit(commit)}</code>}
        </p>
        {closure !== null && denied !== null && <p className="text-label text-faint wrap-anywhere">{denied}</p>}
        {closure !== null && (
          <p className="flex min-h-8 flex-wrap items-center justify-between gap-x-3 text-small text-muted">
            <By generation={generation} />
            <Back {...props} />
          </p>
        )}
      </div>
    </li>
  );
}

function Choice({ generation: { number, closure }, chosen, onChoose }: GenerationRowProps) {
  return closure === null ? <span /> : <Checkbox label={`Compare generation ${number}`} checked={chosen} onChange={onChoose} />;
}

/** The generation's place on the line, which begins at the newest and ends at the oldest. */
function Dot({ generation: { marks } }: { generation: GenerationView }) {
  return (
    <span aria-hidden="true" className="relative grid h-full place-items-center">
      <i className="absolute inset-y-0 left-1 w-px bg-border-strong group-first/row:top-1/2 group-last/row:bottom-1/2" />
      <i
        className={classNames(
          "relative size-[9px] rounded-full border",
          marks.includes("running") ? "border-ok-fill bg-ok-fill" : "border-control bg-bg",
        )}
      />
    </span>
  );
}

function Which({ number, there }: { number: number; there: boolean }) {
  return (
    <b className={classNames("tabular-nums", !there && "font-normal text-faint")}>
      <span className="sr-only">Generation </span>
      {number}
    </b>
  );
}

/** Its commit's subject; else why there is none. */
function What({ generation: { closure, subject, commit, denied } }: { generation: GenerationView }) {
  if (closure === null) return <span className="text-small text-faint">{denied ?? "Garbage-collected."}</span>;
  if (subject !== null) return <span className="font-medium">{subject}</span>;
  return <span className="text-muted">{commit === null ? "Unknown commit" : "Commit not in the repository"}</span>;
}

const MARKS = {
  "next-boot": "next boot",
  booted: "booted",
  "last-known-good": "last known good",
} as const satisfies Record<Exclude<GenerationView["marks"][number], "running">, string>;

function Marks({ generation: { marks } }: { generation: GenerationView }) {
  return marks.map((mark) =>
    mark === "running" ? (
      <StatusPill key={mark} status="ok" loud className="h-5 text-label">
        running
      </StatusPill>
    ) : (
      <Tag key={mark}>{MARKS[mark]}</Tag>
    ),
  );
}

function Made({ at }: { at: number }) {
  const made = useTimed((now) => formatClock(at, now));
  return (
    <>
      {made}
      <span className="text-faint">
        , <RelativeTime at={at} />
      </span>
    </>
  );
}

function By({ generation: { by, runId, closure } }: { generation: GenerationView }) {
  if (closure === null) return null;
  if (by === null) return <span className="text-faint">not deployed from here</span>;
  if (runId === null) return <span>deployed by {by}</span>;
  return (
    <Link
      to="/runs/$run"
      params={{ run: runId }}
      className="inline-flex items-center underlined hover:text-text max-phone:min-h-11"
    >
      deployed by {by}
    </Link>
  );
}

function Back({ host, generation: { rollback }, onRollBack }: GenerationRowProps) {
  const sent = usePendingOp(host.id);
  const { person } = useSession();
  if (rollback?.kind !== "start") return null;
  return (
    <Button
      size="row"
      variant="ghost"
      icon={Undo2}
      sent={sent === "rollback"}
      disabledReason={denialOf(host, "rollback", person.role)}
      onClick={onRollBack}
    >
      {rollback.label}…
    </Button>
  );
}
