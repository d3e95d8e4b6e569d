import type { FromAgentOf, RunEvent, RunId } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { createLog } from "../log.ts";
import { createShipper, type ShipperDeps } from "./shipper.ts";

export const idOf = (n: number) => `01jd${String(n).padStart(22, "0")}` as RunId;
export const runId = idOf(1);
export const eventOf = (seq: number, message = "x".repeat(200)): RunEvent => ({ seq, at: 1, kind: "warning", message });
export const finishedOf = (seq: number): RunEvent => ({ seq, at: 1, kind: "finished", outcome: { state: "succeeded" } });

/** A shipper over spools in memory, on a link that takes every frame, unless `isTaken` says otherwise. Nothing runs between two calls that do not wait. */
export function setUpShipper({
  limit,
  isByHand = async () => false,
  isTaken = () => true,
  onFault = (_, reason) => {
    throw new Error(reason);
  },
}: Partial<Pick<ShipperDeps, "limit" | "onFault"> & ShipperDeps["spool"]> & { isTaken?: () => boolean } = {}) {
  const spools = new Map<RunId, RunEvent[]>();
  const acked = new Map<RunId, number>();
  const frames: FromAgentOf<"runEvents">[] = [];
  let open = 0;
  const shipper = createShipper({
    spool: {
      isByHand,
      openEvents(id, afterSeq) {
        let seq = afterSeq;
        open++;
        return {
          async read() {
            const events = (spools.get(id) ?? []).filter((event) => event.seq > seq);
            seq = events.at(-1)?.seq ?? seq;
            return { kind: "events", events };
          },
          async [Symbol.asyncDispose]() {
            open--;
          },
        };
      },
    },
    acknowledgements: { get: (id) => acked.get(id) ?? 0, set: (id, seq) => void acked.set(id, seq) },
    send: (frame) => isTaken() && frames.push(JSON.parse(frame)) > 0,
    log: createLog({ level: "error", clock: createFakeClock(), write: () => {}, secrets: [] }),
    onFault,
    ...(limit !== undefined && { limit }),
  });
  const welcome = (storedSeq: number, id = runId) => shipper.onWelcome([{ runId: id, storedSeq, known: true }]);
  const ack = (storedSeq: number, id = runId) => shipper.onAck({ type: "ack", runId: id, storedSeq });
  return {
    shipper,
    spools,
    acked,
    welcome,
    ack,
    frames,
    openCursors: () => open,
    /** Seqs of all events that were sent since the last look. */
    sent: () => frames.splice(0).flatMap(({ events }) => events.map(({ seq }) => seq)),
  };
}
