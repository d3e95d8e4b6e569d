import { shorten, type UnitChanges } from "@nixfleet/protocol";

const MAX_UNITS = 500;

/**
 * Reads what `switch-to-configuration dry-activate` prints, in Perl or in Rust: sentences such as `would stop the following
 * units: a.service, b.service`. Units that it would NOT stop, though they changed, are no change. An activation script that asks
 * for units has a sentence of its own (`… units as well: …`). Undefined: it did not come to what an activation would do.
 */
export function parseDryActivate(text: string): UnitChanges | undefined {
  const changes = { stop: new Set<string>(), start: new Set<string>(), restart: new Set<string>(), reload: new Set<string>() };
  let isWhole = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("would activate the configuration")) isWhole = true;
    const match = /^would (stop|start|restart|reload) the following units(?: as well)?: (.*)$/.exec(line.trimEnd());
    if (match === null) continue;
    const units = changes[match[1] as keyof UnitChanges];
    for (const unit of (match[2] ?? "").split(", ")) if (unit !== "") units.add(shorten(unit, 256));
  }
  if (!isWhole) return undefined;
  const listed = (units: ReadonlySet<string>) => [...units].sort().slice(0, MAX_UNITS);
  return {
    stop: listed(changes.stop),
    start: listed(changes.start),
    restart: listed(changes.restart),
    reload: listed(changes.reload),
  };
}
