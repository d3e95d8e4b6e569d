import { type HostId, type HostRow, PROBLEMS, REFUSALS, type RefusalCode } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { useToastQueue } from "../components/toast.tsx";
import { hostRow, idOf, runSummary } from "../dev/host-rows.ts";
import { ProblemError, UnreachableError } from "../live/api.ts";
import { opStart } from "./requests.ts";
import { toastStartedMany, toastStartFailed } from "./start-toasts.ts";

const [a, b, c] = ["a", "b", "c"].map((name, index) => hostRow({ id: idOf(index + 1) as HostId, name })) as [
  HostRow,
  HostRow,
  HostRow,
];

/** The toasts that were shown meanwhile. */
function toasts(show: () => void) {
  useToastQueue.setState({ waiting: [] });
  show();
  return useToastQueue.getState().waiting;
}

const refusedWith = (refusal: RefusalCode) => {
  const { sentence, next } = REFUSALS[refusal];
  const { status, title } = PROBLEMS["run-refused"];
  return new ProblemError({
    type: "about:blank#run-refused",
    title,
    status,
    code: "run-refused",
    detail: sentence,
    next,
    refusal,
  });
};

const onRetry = () => {
  throw new Error("What was answered is not sent again.");
};

const failed = (refusal: RefusalCode, start = opStart("switch")) => {
  const forced: string[] = [];
  const [toast] = toasts(() => toastStartFailed(start, "a", refusedWith(refusal), { onForce: () => forced.push("a"), onRetry }));
  toast?.action?.press();
  return { label: toast?.action?.label, forced, detail: toast?.detail };
};

test("a refusal that can be skipped offers to force the run; one that cannot, or of a run that was forced, offers nothing", () => {
  expect(failed("already-current")).toEqual({
    label: "Force…",
    forced: ["a"],
    detail: `${REFUSALS["already-current"].sentence} ${REFUSALS["already-current"].next}`,
  });
  expect(failed("host-busy")).toMatchObject({ label: undefined, forced: [] });
  expect(failed("queue-full")).toEqual({
    label: undefined,
    forced: [],
    detail:
      "Too many runs are already waiting for this host. Wait until some of them have ended, or cancel those that are no longer needed.",
  });
  expect(failed("already-current", { ...opStart("switch"), force: true })).toMatchObject({ label: undefined, forced: [] });
});

test("on several hosts, only those whose refusal can be skipped can be forced", () => {
  const refused = (host: HostRow, code: RefusalCode) => ({ host: host.id, run: null, refused: { code, ...REFUSALS[code] } });
  const forced: (readonly HostRow[])[] = [];
  const shown = toasts(() =>
    toastStartedMany(
      opStart("switch"),
      [a, b, c],
      [
        { host: a.id, run: runSummary({ state: "queued" }), refused: null },
        refused(b, "target-unknown"),
        refused(c, "not-fast-forward"),
      ],
      (rows) => forced.push(rows),
    ),
  );
  expect(shown.map(({ title }) => title)).toEqual(["Switch: started on 1 host", "Switch: refused for 2 hosts"]);
  expect(shown[1]?.detail).toBe(`b: ${REFUSALS["target-unknown"].sentence} ${REFUSALS["target-unknown"].next}`);
  shown[1]?.action?.press();
  expect(forced).toEqual([[c]]);
});

test("a start without an answer does not claim that nothing was started, and offers to send the same request again", () => {
  const retried: string[] = [];
  const on = { onForce: onRetry, onRetry: () => retried.push("a") };
  const [toast] = toasts(() => toastStartFailed(opStart("pull"), "a", new UnreachableError(new Error("cut")), on));
  expect([toast?.title, toast?.action?.label]).toEqual(["No response: Pull on a", "Try again"]);
  toast?.action?.press();
  expect(retried).toEqual(["a"]);
});
