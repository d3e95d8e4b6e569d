/** A token of Nix or shell code, for its colour. */
export interface CodeMark {
  readonly text: string;
  readonly kind: "string" | "attribute" | "value" | "dim" | "plain";
}

// A string, an attribute that is set, a boolean, or brackets of sets.
const NIX = /("(?:\\[\s\S]|[^"\\])*")|(^ *[\w.-]+)(?= *=)|\b(true|false|null)\b|([{}]:?)/gm;

/** Marks the parts of a small piece of Nix: enough for what this page shows, not a parser. */
export function markNix(code: string): readonly CodeMark[] {
  const marks: CodeMark[] = [];
  let from = 0;
  for (const match of code.matchAll(NIX)) {
    if (match.index > from) marks.push({ text: code.slice(from, match.index), kind: "plain" });
    const kind = match[1] ? "string" : match[2] ? "attribute" : match[3] ? "value" : "dim";
    marks.push({ text: match[0], kind });
    from = match.index + match[0].length;
  }
  if (from < code.length) marks.push({ text: code.slice(from), kind: "plain" });
  return marks;
}

/** Marks the quoted parts of a line of shell. */
export function markShell(line: string): readonly CodeMark[] {
  return line
    .split(/('(?:[^']|'\\'')*')/)
    .map((text, index): CodeMark => ({ text, kind: index % 2 === 1 ? "string" : "plain" }))
    .filter((mark) => mark.text !== "");
}
