import { sortNames } from "./systemd.mts";
import { compareUnits, isOn, type UnitFile } from "./unit-file.mts";

export interface ActiveUnit {
  name: string;
  /** `active`, `activating`, … as `systemctl list-units` has it. */
  active: string;
  /** In the running configuration; nothing if it is not from there. */
  current: UnitFile | undefined;
  /** In the new configuration; nothing if it has none, or masks it. */
  next: UnitFile | undefined;
}

/** What is to be done with units, each list sorted. */
export interface Plan {
  stop: string[];
  /** Changed, and left as they are. */
  skip: string[];
  reload: string[];
  restart: string[];
  start: string[];
  /** To be started, and not worth a word. */
  quiet: Set<string>;
}

const NEVER_RESTARTED = new Set(["sysinit.target", "basic.target", "multi-user.target", "graphical.target"]);
/** What changed of these holds once systemd has read it again; nothing is done about sockets. */
const NEVER_RESTARTED_KINDS = [".slice", ".path", ".socket"];
/** These cannot be unmounted while the system runs. */
const ONLY_REMOUNTED = new Set(["-.mount", "nix.mount"]);
const NEVER_STARTED = new Set(["suspend.target", "hibernate.target", "hybrid-sleep.target"]);

/** Decides as NixOS does: `collect_unit_changes` and `handle_modified_unit` of its program (switch-to-configuration.mts says which). */
export function planSwitch(units: readonly ActiveUnit[], hasInNext: (name: string) => boolean): Plan {
  const names = new Set(units.map(({ name }) => name));
  const sets = {
    stop: new Set<string>(),
    skip: new Set<string>(),
    reload: new Set<string>(),
    restart: new Set<string>(),
    start: new Set<string>(),
  };
  const quiet = new Set<string>();

  const changed = (name: string, next: UnitFile) => {
    if (NEVER_RESTARTED.has(name) || NEVER_RESTARTED_KINDS.some((kind) => name.endsWith(kind))) return;
    if (name.endsWith(".mount")) (ONLY_REMOUNTED.has(name) ? sets.reload : sets.restart).add(name);
    else if (isOn(next, "Service", "X-ReloadIfChanged", false)) sets.reload.add(name);
    else if (
      !isOn(next, "Service", "X-RestartIfChanged", true) ||
      isOn(next, "Unit", "RefuseManualStop", false) ||
      isOn(next, "Unit", "X-OnlyManualStart", false)
    ) {
      sets.skip.add(name);
    } else if (!isOn(next, "Service", "X-StopIfChanged", true) || !name.endsWith(".service")) sets.restart.add(name);
    else stopAndStart(name, next);
  };

  /** A service that its sockets start is started by them. */
  const stopAndStart = (name: string, next: UnitFile) => {
    const declared = (next["Service"]?.["Sockets"] ?? []).flatMap((value) => value.split(/\s+/));
    const sockets = declared.length > 0 ? declared : [name.replace(/\.service$/, ".socket")];
    let bySocket = false;
    for (const socket of sockets) {
      if (names.has(socket)) sets.stop.add(socket);
      if (!hasInNext(socket)) continue;
      if (names.has(socket)) sets.start.add(socket);
      bySocket = true;
    }
    if (!bySocket || isOn(next, "Service", "X-NotSocketActivated", false)) sets.start.add(name);
    sets.stop.add(name);
  };

  for (const { name, active, current, next } of units) {
    if (current === undefined || (active !== "active" && active !== "activating")) continue;
    if (next === undefined) {
      if (isOn(current, "Unit", "X-StopOnRemoval", true)) sets.stop.add(name);
    } else if (name.endsWith(".target")) {
      const isManual = isOn(next, "Unit", "RefuseManualStart", false) || isOn(next, "Unit", "X-OnlyManualStart", false);
      if (!NEVER_STARTED.has(name) && !isManual) {
        sets.start.add(name);
        quiet.add(name);
      }
      if (isOn(next, "Unit", "X-StopOnReconfiguration", false)) sets.stop.add(name);
    } else {
      const difference = compareUnits(current, next);
      if (difference === "restart") changed(name, next);
      else if (difference === "reload") sets.reload.add(name);
    }
  }
  for (const name of sets.restart) sets.reload.delete(name);
  return {
    stop: sortNames(sets.stop),
    skip: sortNames(sets.skip),
    reload: sortNames(sets.reload),
    restart: sortNames(sets.restart),
    start: sortNames(sets.start),
    quiet,
  };
}
