/** The address of the page: the host that is being added, and the step. */
export function readAddHostSearch(search: Readonly<Record<string, unknown>>): { host?: string; step?: "connect" } {
  const { host, step } = search;
  return { ...(typeof host === "string" && { host }), ...(step === "connect" && { step }) };
}
