/** No message of ours is nested half as deep. What is deeper is refused before it is parsed: whatever walks through it later would end at the stack's end. */
export const MAX_JSON_DEPTH = 64;

const QUOTE = 34;
const BACKSLASH = 92;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** Whether a JSON text is nested at most `MAX_JSON_DEPTH` times. Looks at each character once, and at none inside of strings but their ends. */
export function isShallowJson(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at + 1);
    else if (OPENING.has(code)) {
      if (++depth > MAX_JSON_DEPTH) return false;
    } else if (CLOSING.has(code)) depth--;
  }
  return true;
}

/** Place of the quote that ends a string; the end of the text where none does. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end >= 0; end = text.indexOf('"', end + 1)) {
    let start = end;
    while (start > from && text.charCodeAt(start - 1) === BACKSLASH) start--;
    if ((end - start) % 2 === 0) return end;
  }
  return text.length;
}
