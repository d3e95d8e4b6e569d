import type { GenerationView, HostRow } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { Undo2 } from "lucide-react";
import { Button } from "../../components/button.tsx";
import { Checkbox } from "../../components/checkbox.tsx";
import { classNames } from "../../components/class-names.ts";
import { RelativeTime } from "../../components/relative-time.tsx";
import { StatusPill } from "../../components/status-pill.tsx";
import { Tag } from "../../components/tag.tsx";
import { formatClock } from "../../format/duration.ts";
import { shortCommit } from "../../format/quantity.ts";
import { denialOf } from "../../ops/requests.ts";
import { useSent } from "../../ops/sent.ts";
import { useSession } from "../../shell/session.ts";
import { useTimed } from "../../time/clock.ts";

const MARKS = {
  running: "running",
  "next-boot": "next boot",
  booted: "booted",
  "last-known-good": "last known good",
} as const satisfies Record<GenerationView["marks"][number], string>;

/** One generation on the line of them: number, what it is, who made it, and the way back to it. */
export function GenerationRow({
  host,
  generation,
  denied,
  chosen,
  onChoose,
  onRollBack,
}: {
  host: HostRow;
  generation: GenerationView;
  /** Why it cannot be gone back to, where that is not said for all. */
  denied: string | null;
  chosen: boolean;
  onChoose: () => void;
  onRollBack: () => void;
}) {
  const { number, at, closure, commit, subject, by, runId, marks, rollback } = generation;
  const runs = marks.includes("running");
  const sent = useSent(host.id);
  const { person } = useSession();
  const made = useTimed((now) => formatClock(at, now));
  return (
    <li
      className={classNames(
        "relative grid grid-cols-[16px_9px_44px_minmax(0,1fr)_max-content] items-center gap-x-4 py-2.5",
        "max-phone:grid-cols-[44px_minmax(0,1fr)] max-phone:gap-x-1 max-phone:border-b max-phone:border-border",
        chosen && "bg-accent-soft",
      )}
    >
      <span className="grid place-items-center max-phone:row-span-2 max-phone:self-start">
        {closure !== null && <Checkbox label={`Compare generation ${number}`} checked={chosen} onChange={onChoose} />}
      </span>
      <span aria-hidden="true" className="grid h-full place-items-center max-phone:hidden">
        <i className="absolute inset-y-0 left-9 w-px bg-border-strong" />
        <i
          className={classNames(
            "relative size-[9px] rounded-full border",
            runs ? "border-ok-fill bg-ok-fill" : "border-control bg-bg",
          )}
        />
      </span>
      <b className={classNames("tabular-nums max-phone:hidden", closure === null && "font-normal text-faint")}>{number}</b>
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="sr-only">Generation </span>
          <b className={classNames("hidden tabular-nums max-phone:inline", closure === null && "font-normal text-faint")}>
            {number}
          </b>
          <span
            className={classNames(
              "min-w-0 truncate max-phone:whitespace-normal",
              closure === null ? "text-faint" : subject === null ? "text-muted" : "font-medium",
            )}
          >
            {closure === null
              ? "Collected"
              : (subject ?? (commit === null ? "Made by something else" : "Its commit is not known here"))}
          </span>
          {runs && (
            <StatusPill status="ok" loud className="h-5 text-label">
              {MARKS.running}
            </StatusPill>
          )}
          {marks
            .filter((mark) => mark !== "running")
            .map((mark) => (
              <Tag key={mark}>{MARKS[mark]}</Tag>
            ))}
        </p>
        <p className="mt-0.5 flex flex-wrap items-center gap-x-3 text-small text-muted">
          <span>
            {made}
            <span className="text-faint">
              , <RelativeTime at={at} />
            </span>
          </span>
          {commit !== null && <code>{shortCommit(commit)}</code>}
          {by === null ? (
            closure !== null && <span className="text-faint">not deployed from here</span>
          ) : runId === null ? (
            <span>by {by}</span>
          ) : (
            <Link
              to="/runs/$run"
              params={{ run: runId }}
              className="inline-flex items-center underlined hover:text-text max-phone:min-h-11"
            >
              deployed by {by}
            </Link>
          )}
        </p>
        {denied !== null && <p className="text-label text-faint wrap-anywhere">{denied}</p>}
      </div>
      {rollback?.kind === "start" && (
        <span className="max-phone:col-start-2 max-phone:pt-1">
          <Button
            size="row"
            icon={Undo2}
            sent={sent === "rollback"}
            off={denialOf(host, "rollback", person.role)}
            onClick={onRollBack}
          >
            {rollback.label}…
          </Button>
        </span>
      )}
    </li>
  );
}
