import * as z from "zod";

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Turns control characters and bidirectional overrides, which could control a terminal or disguise a text, into U+FFFD (R50). */
export function withoutControls(text: string): string {
  return text.replace(CONTROL, "\u{fffd}");
}

/** One line of text that a host reports, for a name, a subject or a message: at most `max` characters, `withoutControls`. */
export function plainText(max: number) {
  return z
    .string()
    .max(max)
    .transform((text) => withoutControls(text).replace(/[\t\n]/g, " "));
}

/** Shortens a text of our own to the length that `plainText(max)` accepts, with an ellipsis. */
export function shorten(text: string, max: number): string {
  if (text.length <= max) return text;
  // A cut between the halves of a surrogate pair would leave a broken character.
  const end = text.charCodeAt(max - 2) >= 0xd800 && text.charCodeAt(max - 2) <= 0xdbff ? max - 2 : max - 1;
  return `${text.slice(0, end)}…`;
}

/** A commit for display: its first seven digits. */
export function shortCommit(commit: string): string {
  return commit.slice(0, 7);
}

/**
 * The name of a store path for display, without directory and hash: `nixos-system-gpc0-26.05`. A derivation is named without `.drv`.
 * Any other text, including a path inside a store path, is returned unchanged.
 * https://nix.dev/manual/nix/latest/protocols/store-path
 */
export function storeName(path: string): string {
  return /(?:^|\/)[0-9a-df-np-sv-z]{32}-([^/]+?)(?:\.drv)?$/.exec(path)?.[1] ?? path;
}

/** Trims a text and ends it with a full stop unless it already ends a sentence. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
