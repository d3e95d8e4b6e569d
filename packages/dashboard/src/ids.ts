import { decodeUlid, encodeUlid, type HostId, type RunId } from "@nixfleet/protocol";

const RANDOM_BITS = 80n;

/** Makes ids for runs and hosts. */
export interface Ids {
  run(): RunId;
  host(): HostId;
}

/**
 * ULIDs (https://github.com/ulid/spec), monotone: each sorts after `after` and after the one before it, also when many are made in one
 * millisecond or the clock is set back (R13). `randomBytes` gives that many random bytes.
 */
export function createIds({
  now,
  randomBytes,
  after = null,
}: {
  now: () => number;
  randomBytes: (count: number) => Uint8Array;
  /** The last id of the process before; null: there is none. */
  after?: RunId | null;
}): Ids {
  let last = after === null ? 0n : decodeUlid(after);
  const next = (): string => {
    const time = BigInt(now());
    if (time > last >> RANDOM_BITS) {
      let random = 0n;
      for (const byte of randomBytes(10)) random = (random << 8n) | BigInt(byte);
      last = (time << RANDOM_BITS) | random;
    } else {
      // Same millisecond, or a clock set back: the next number. Overflow of the random part carries into the time, which is in order.
      last += 1n;
    }
    return encodeUlid(last);
  };
  return { run: () => next() as RunId, host: () => next() as HostId };
}
