import * as z from "zod";

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Turns control characters and bidirectional overrides, which could act in a terminal or disguise a text, into U+FFFD (R50). */
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

/** Shortens a text that this side made itself to what `plainText(max)` takes, with an ellipsis. */
export function shorten(text: string, max: number): string {
  if (text.length <= max) return text;
  // A cut between the halves of a surrogate pair would leave a broken character.
  const end = text.charCodeAt(max - 2) >= 0xd800 && text.charCodeAt(max - 2) <= 0xdbff ? max - 2 : max - 1;
  return `${text.slice(0, end)}…`;
}

/** A commit as people read it: its first seven digits. */
export function shortCommit(commit: string): string {
  return commit.slice(0, 7);
}

/**
 * The name of a store path as people read it, without directory and hash: `nixos-system-gpc0-26.05`. A derivation has the name of what
 * it builds, without its `.drv`. A text that is no store path stays as it is, a path inside one as well.
 * https://nix.dev/manual/nix/latest/protocols/store-path
 */
export function storeName(path: string): string {
  return /(?:^|\/)[0-9a-df-np-sv-z]{32}-([^/]+?)(?:\.drv)?$/.exec(path)?.[1] ?? path;
}

/** Ends a text as a sentence, unless it ends as one already. White space around it goes. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
