import type { HostId, RunId } from "@nixfleet/protocol";

/** Crockford's base 32 in lower case: no i, l, o, u. */
const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM_BITS = 80n;

/** Makes ids for runs and hosts. */
export interface Ids {
  run(): RunId;
  host(): HostId;
}

function encode(value: bigint): string {
  let text = "";
  for (let digit = 0; digit < 26; digit++) {
    text = DIGITS[Number(value & 31n)] + text;
    value >>= 5n;
  }
  return text;
}

/**
 * ULIDs (https://github.com/ulid/spec), monotone within this process: each sorts after the one before it, also when many are made
 * in one millisecond or the clock is set back (R13). `randomBytes` gives that many random bytes.
 */
export function createIds({ now, randomBytes }: { now: () => number; randomBytes: (count: number) => Uint8Array }): Ids {
  let last = 0n;
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
    return encode(last);
  };
  return { run: () => next() as RunId, host: () => next() as HostId };
}
