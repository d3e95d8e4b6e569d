/** The address of the page: which host is being added, and whether its first word is waited for. */
export function readAddHostSearch(search: Readonly<Record<string, unknown>>): { host?: string; step?: "connect" } {
  const { host, step } = search;
  return { ...(typeof host === "string" && { host }), ...(step === "connect" && { step }) };
}
