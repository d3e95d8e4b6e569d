import * as z from "zod";

/**
 * A run's id: a ULID in lower case, 26 characters of Crockford's base 32, so that ids sort by time and are safe as file names.
 * Created by the dashboard, or by a host for a run that a person starts on the host itself. The dashboard does not know the latter.
 */
export const RunId = z
  .string()
  .regex(/^[0-9a-hjkmnp-tv-z]{26}$/, "must be 26 characters of Crockford's base 32 in lower case")
  .brand<"RunId">();
export type RunId = z.infer<typeof RunId>;

/** Crockford's base 32 in lower case: no i, l, o, u. */
const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";

/** A ULID (https://github.com/ulid/spec) as text: 48 bits of time in milliseconds, then 80 random ones. */
export function encodeUlid(value: bigint): string {
  let text = "";
  for (let rest = value; text.length < 26; rest >>= 5n) text = DIGITS[Number(rest & 31n)] + text;
  return text;
}

/** The number of a ULID that `encodeUlid` wrote. */
export function decodeUlid(text: string): bigint {
  let value = 0n;
  for (const digit of text) value = (value << 5n) | BigInt(DIGITS.indexOf(digit));
  return value;
}

/** A host's id: the same shape as a run's. It stays when the host is renamed. */
export const HostId = z
  .string()
  .regex(/^[0-9a-hjkmnp-tv-z]{26}$/, "must be 26 characters of Crockford's base 32 in lower case")
  .brand<"HostId">();
export type HostId = z.infer<typeof HostId>;

/** A source's id: identifies a repository and a branch, the same for every dashboard and host. */
export const SourceId = z
  .string()
  .regex(/^[0-9a-f]{16}$/, "must be 16 hex digits")
  .brand<"SourceId">();
export type SourceId = z.infer<typeof SourceId>;

/** A host's name: one DNS label, as NixOS requires for `networking.hostName`, plus dots and upper case, which macOS allows. */
export const HostName = z
  .string()
  .min(1)
  .max(63)
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/,
    "letters, digits, dots, dashes and underscores; begins and ends with a letter or digit",
  );

/** A git commit: 40 hex digits (SHA-1) or 64 (SHA-256), whole, never shortened. */
export const Commit = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, "must be a whole commit id");
export type Commit = z.infer<typeof Commit>;

/** A path of a Nix store, whatever the store's directory is. One path component below it, as Nix makes them. */
export const StorePath = z
  .string()
  .max(512)
  .regex(/^\/[^\0\n]*\/[0-9a-df-np-sv-z]{32}-[A-Za-z0-9+._?=-]+$/, "must be a store path");
export type StorePath = z.infer<typeof StorePath>;

/** The name of a `specialisation` of NixOS or Home Manager, which is one path component. */
export const SpecialisationName = z.string().regex(/^[A-Za-z0-9_][\w.+@-]{0,99}$/, "must be the name of a specialisation");
export type SpecialisationName = z.infer<typeof SpecialisationName>;

/** Milliseconds since 1970, as `Date.now()` gives them. */
export const Timestamp = z.number().int().min(0).max(8.64e15);
export type Timestamp = z.infer<typeof Timestamp>;
