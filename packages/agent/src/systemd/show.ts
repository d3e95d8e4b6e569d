import { type Facts, shorten } from "@nixfleet/protocol";
import * as z from "zod";

/**
 * The states that a unit which failed can be in (`systemctl list-units --state=`). A service that is started again and again is in
 * none that has failed: it waits for its next start, in a state that has two names since systemd 254.
 */
export const FAILED_STATES = ["failed", "auto-restart", "auto-restart-queued"] as const;

const Units = z.array(z.object({ unit: z.string(), active: z.string(), sub: z.string() }));

/** A unit that has failed, or that waits to be restarted and may have ended well. */
export interface ListedUnit {
  unit: string;
  kind: "failed" | "restarting";
}

/** Reads what `systemctl list-units --output=json` prints for these states. */
export function parseListedUnits(text: string): ListedUnit[] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined; // A systemd before 246 prints a table: the fact is absent there.
  }
  const units = Units.safeParse(json);
  if (!units.success) return undefined;
  return units.data.map(({ unit, active }) => ({ unit, kind: active === "failed" ? "failed" : "restarting" }));
}

/** The names of units that have failed, of those listed: what is being restarted has if its last run did not end well. */
export function failedOf(listed: readonly ListedUnit[], results: ReadonlyMap<string, string>): Facts["failedUnits"] {
  const failed = listed.filter(({ unit, kind }) => kind === "failed" || (results.get(unit) ?? "success") !== "success");
  return failed.slice(0, 200).map(({ unit }) => shorten(unit, 256));
}

/** Reads what `systemctl show --property=Id,Result` prints: how the last run of each unit ended, by its name. */
export function parseResults(text: string): ReadonlyMap<string, string> {
  return new Map(blocksOf(text).flatMap(({ Id, Result }) => (Id === undefined || Result === undefined ? [] : [[Id, Result]])));
}

function blocksOf(text: string): Partial<Record<string, string>>[] {
  return text.split(/\n\s*\n/).map((block) => Object.fromEntries(block.split("\n").map((line) => line.trim().split("=", 2))));
}

/** `LoadState` and `ActiveState` of a unit, in systemd's words. */
export interface UnitState {
  load: string | undefined;
  active: string | undefined;
}

/** Reads what `systemctl show --property=Id,LoadState,ActiveState` prints: a block of `Name=value` lines for each unit. */
export function parseUnitStates(text: string): ReadonlyMap<string, UnitState> {
  return new Map(
    blocksOf(text).flatMap(({ Id, LoadState, ActiveState }) =>
      Id === undefined ? [] : [[Id, { load: LoadState, active: ActiveState }]],
    ),
  );
}

/** Properties by name, in systemd's words. */
export type Properties = Readonly<Partial<Record<string, string>>>;

/** Reads what `systemctl show` prints: one set of properties for each unit. */
export function parseProperties(text: string): readonly Properties[] {
  return text.trim() === "" ? [] : blocksOf(text.trim());
}

/** Milliseconds since 1970 of a point in time as `--timestamp=us+utc` has it: `Sun 2026-11-29 19:58:14.355030 UTC`. */
export function parseTimestamp(text: string | undefined): number | undefined {
  const found = /^\w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?) UTC$/.exec(text ?? "");
  return found === null ? undefined : Date.parse(`${found[1]}T${found[2]}Z`);
}
