import { canForce, type HostRow, opDeclaration, type RouteOutput, type RunSummary } from "@nixfleet/protocol";
import { notify, type ToastMessage } from "../components/toast.tsx";
import { countOf } from "../format/quantity.ts";
import { call, isUnanswered, ProblemError } from "../live/api.ts";
import { messageOf } from "./message-of.ts";
import type { OpStart } from "./requests.ts";

type Action = ToastMessage["action"];
type StartedItems = RouteOutput<"startRuns">["items"];

/** The button to force a run after these refusals; undefined if `force` skips none of them, or the run was forced already. */
function forceAction(start: OpStart, refusals: readonly string[], onForce: () => void): Action {
  const helps = !start.force && refusals.some((refusal) => canForce(start.op, refusal));
  return helps ? { label: "Force…", press: onForce } : undefined;
}

/** The run is queued; the toast can cancel it. */
export function toastQueued(run: RunSummary): void {
  const undo = async () => {
    try {
      await call("cancelRun", { params: { run: run.id } });
    } catch (error) {
      notify({ status: "broken", title: "Could not cancel the run", detail: messageOf(error) });
    }
  };
  notify({
    status: "ok",
    title: `${run.title} on ${run.hostName} queued`,
    detail: run.sentence,
    action: { label: "Undo", press: () => void undo() },
  });
}

/** The result of an op on several hosts. `onForce` is called with the hosts whose refusal can be skipped. */
export function toastStartedMany(
  start: OpStart,
  rows: readonly HostRow[],
  items: StartedItems,
  onForce: (rows: readonly HostRow[]) => void,
): void {
  const refused = items.filter((item) => item.refused !== null);
  const queued = items.filter((item) => item.run?.state === "queued").length;
  const { label } = opDeclaration(start.op);
  const started = items.length - refused.length;
  if (started > 0) {
    notify({
      status: "working",
      title: `${label}: started on ${countOf(started, "host")}`,
      ...(queued > 0 && { detail: queuedText(queued, started) }),
    });
  }
  const [first] = refused;
  if (!first?.refused) return;
  const rowOf = ({ host }: StartedItems[number]) => rows.find(({ id, name }) => id === host || name === host);
  const forceable = refused.flatMap((item) => (item.refused && canForce(start.op, item.refused.code) ? (rowOf(item) ?? []) : []));
  const action = forceAction(
    start,
    refused.flatMap((item) => item.refused?.code ?? []),
    () => onForce(forceable),
  );
  notify({
    status: "attention",
    title: `${label}: refused for ${countOf(refused.length, "host")}`,
    detail: `${rowOf(first)?.name ?? first.host}: ${first.refused.sentence} ${first.refused.next}`,
    ...(action && { action }),
  });
}

function queuedText(queued: number, started: number): string {
  if (queued === started) return queued === 1 ? "It is queued." : "All of them are queued.";
  return `${queued} of them ${queued === 1 ? "is" : "are"} queued.`;
}

/** The page or the dashboard refused to start the run. */
export function toastRefused(start: OpStart, host: string, reason: string, action?: Action): void {
  notify({
    status: "attention",
    title: notStarted(start, host),
    detail: reason,
    ...(action && { action }),
  });
}

/** Why a run was not started. The toast can force it after a refusal that can be skipped, or repeat a request that got no answer. */
export function toastStartFailed(
  start: OpStart,
  host: string,
  error: unknown,
  { onForce, onRetry }: { onForce: () => void; onRetry: () => void },
): void {
  const refusal = error instanceof ProblemError ? error.problem.refusal : undefined;
  if (isUnanswered(error)) {
    // The run may have started: only the answer is missing.
    const title = `No response: ${opDeclaration(start.op).label} on ${host}`;
    notify({ status: "broken", title, detail: messageOf(error), action: { label: "Try again", press: onRetry } });
  } else if (refusal === undefined) notify({ status: "broken", title: notStarted(start, host), detail: messageOf(error) });
  else toastRefused(start, host, messageOf(error), forceAction(start, [refusal], onForce));
}

function notStarted({ op }: OpStart, host: string): string {
  return `${opDeclaration(op).label} on ${host} was not started`;
}
