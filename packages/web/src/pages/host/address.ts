import { RunId } from "@nixfleet/protocol";

/** The comparison that the address names: the run that made it. */
export function readComparison(search: Readonly<Record<string, unknown>>): { compare?: RunId } {
  const read = RunId.safeParse(search["compare"]);
  return read.success ? { compare: read.data } : {};
}
