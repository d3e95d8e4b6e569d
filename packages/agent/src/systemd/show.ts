import { type Facts, shorten } from "@nixfleet/protocol";
import * as z from "zod";

const Units = z.array(z.object({ unit: z.string() }));

/** Reads what `systemctl list-units --output=json` prints. */
export function parseFailedUnits(text: string): Facts["failedUnits"] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined; // A systemd before 246 prints a table: the fact is absent there.
  }
  const units = Units.safeParse(json);
  return units.success ? units.data.slice(0, 200).map(({ unit }) => shorten(unit, 256)) : undefined;
}

/** `LoadState` and `ActiveState` of a unit, in systemd's words. */
export interface UnitState {
  load: string | undefined;
  active: string | undefined;
}

/** Reads what `systemctl show --property=Id,LoadState,ActiveState` prints: a block of `Name=value` lines for each unit. */
export function parseUnitStates(text: string): ReadonlyMap<string, UnitState> {
  return new Map(
    text.split(/\n\s*\n/).flatMap((block) => {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.trim().split("=", 2)));
      const id: unknown = fields["Id"];
      return typeof id === "string" ? [[id, { load: fields["LoadState"], active: fields["ActiveState"] }]] : [];
    }),
  );
}
