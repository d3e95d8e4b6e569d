import type { HeldRun, SpoolWriter } from "@nixfleet/protocol";

/** How far a spool is known: its event `seq`, and who wrote it; null: nobody known. */
export interface SpoolPosition {
  readonly seq: number;
  readonly writerId: string | null;
}

/**
 * Seq of the last event that is stored here and that the host still has: less than what is stored, if the host was put back to a
 * snapshot or its spool was damaged. Numbers alone do not tell, since a host that was put back uses them again for other events.
 */
export function commonSeq(stored: SpoolPosition, { lastSeq, writers = [] }: Pick<HeldRun, "lastSeq" | "writers">): number {
  // An older agent does not name its writers, nor do runs that ended before they began.
  if (stored.writerId === null || writers.length === 0) return Math.min(stored.seq, lastSeq);
  const place = writers.findLastIndex(({ id }) => id === stored.writerId);
  if (place < 0) return 0;
  return Math.min(stored.seq, writers[place + 1]?.afterSeq ?? lastSeq);
}

/** Who wrote this event. */
export function writerAt(seq: number, writers: readonly SpoolWriter[] = []): string | null {
  return writers.findLast(({ afterSeq }) => afterSeq < seq)?.id ?? null;
}
