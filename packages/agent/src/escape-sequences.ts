/** Removes the escape sequences that a terminal would act on (ECMA-48: CSI, OSC and two-character ones). */
export function stripEscapes(text: string): string {
  if (!text.includes("\u001b")) return text;
  return text.replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g, "");
}
