/** Colours that a log may use; the page maps them to its own tones. */
export type AnsiColor = "black" | "red" | "green" | "yellow" | "blue" | "magenta" | "cyan" | "white" | "faint";

export interface AnsiSpan {
  readonly text: string;
  readonly color?: AnsiColor;
  readonly bold?: true;
  readonly dim?: true;
  readonly italic?: true;
  readonly underline?: true;
}

interface Style {
  color?: AnsiColor;
  bold?: true;
  dim?: true;
  italic?: true;
  underline?: true;
}

const BASIC = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

// ECMA-48: CSI sequences, OSC and other strings up to BEL or ST, two-character escapes, then lone control characters.
const SEQUENCES =
  /\u001b\[([0-?]*)[ -/]*([@-~])|\u001b[\]P^_X][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|\u001b[ -/]*[0-~]?|\u009b([0-?]*)[ -/]*([@-~])|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/gu;

/**
 * Splits a line of output into spans of one style. Select graphic rendition (ECMA-48, 8.3.117) is understood; every other escape
 * sequence and control character is dropped, so that a log cannot control anything. Styles are reset on each line.
 */
export function parseAnsi(line: string): AnsiSpan[] {
  const spans: AnsiSpan[] = [];
  let style: Style = {};
  let from = 0;
  const add = (text: string) => {
    if (text !== "") spans.push({ text, ...style });
  };
  for (const match of line.matchAll(SEQUENCES)) {
    add(line.slice(from, match.index));
    from = match.index + match[0].length;
    if ((match[2] ?? match[4]) === "m") style = restyle(style, match[1] ?? match[3] ?? "");
  }
  add(line.slice(from));
  return spans;
}

/** A line without escape sequences and control characters, for search and copy. */
export function plainLine(line: string): string {
  return line.replace(SEQUENCES, "");
}

function restyle(before: Style, parameters: string): Style {
  const codes = parameters === "" ? [0] : parameters.split(/[;:]/).map((code) => (code === "" ? 0 : Number(code)));
  let style: Style = { ...before };
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i] ?? 0;
    if (code === 0) style = {};
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 3) style.italic = true;
    else if (code === 4) style.underline = true;
    else if (code === 22) {
      delete style.bold;
      delete style.dim;
    } else if (code === 23) delete style.italic;
    else if (code === 24) delete style.underline;
    else if (code >= 30 && code <= 37) style = withColor(style, BASIC[code - 30]);
    else if (code === 39) style = withColor(style, undefined);
    else if (code >= 90 && code <= 97) style = withColor(style, code === 90 ? "faint" : BASIC[code - 90]);
    else if (code === 38 || code === 48) {
      const palette = codes[i + 1] === 5;
      if (code === 38) style = withColor(style, palette ? paletteColor(codes[i + 2] ?? 0) : undefined);
      i += palette ? 2 : 4;
    }
  }
  return style;
}

/** Of the 256 colours only the first 16 have a tone of the page; the rest is drawn as plain text. */
function paletteColor(index: number): AnsiColor | undefined {
  return index === 8 ? "faint" : index < 16 ? BASIC[index % 8] : undefined;
}

function withColor({ color: _, ...style }: Style, color: AnsiColor | undefined): Style {
  return color === undefined ? style : { ...style, color };
}
