/**
 * The emptiest value that a function may return in the place of `value`, by the text of its declared result: a condition is
 * negated. Undefined: the type has no empty value that can be told from its text, or the value is the empty one already.
 */
export function emptyResult(declared: string, value: string): string | undefined {
  const empty = emptyOf(declared.replace(/^Promise<(.*)>$/s, "$1"), value);
  return empty === value ? undefined : empty;
}

function emptyOf(type: string, value: string): string | undefined {
  const arms = topLevelArms(type);
  for (const nothing of ["undefined", "null"]) if (arms.includes(nothing)) return nothing;
  const [only] = arms;
  if (only === undefined || arms.length > 1) return undefined;
  if (only === "boolean") return `!(${value})`;
  if (only === "string") return '""';
  if (only === "number") return "0";
  if (/^(readonly .*|.*\[\])$/s.test(only) || /^(Readonly)?Array</.test(only)) return "[]";
  const collection = /^(?:Readonly)?(Map|Set)</.exec(only)?.[1];
  return collection === undefined ? undefined : `new ${collection}()`;
}

/** Arms of a union, not those within brackets. */
function topLevelArms(type: string): string[] {
  const arms = [""];
  let depth = 0;
  for (let at = 0; at < type.length; at++) {
    const character = type.charAt(at);
    if ("<({[".includes(character)) depth++;
    // The bracket of an arrow closes nothing.
    if (">)}]".includes(character) && type[at - 1] !== "=") depth--;
    if (character === "|" && depth === 0) arms.push("");
    else arms.push(`${arms.pop() ?? ""}${character}`);
  }
  return arms.map((arm) => arm.trim()).filter((arm) => arm !== "");
}
