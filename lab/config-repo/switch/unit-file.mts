/** A unit file as systemd.syntax(7) has it: values by key, by section. */
export type UnitFile = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** Parses the parts of a unit file, the file itself first, then its drop-ins. An empty value takes back those before it. */
export function parseUnit(...texts: readonly string[]): UnitFile {
  const sections: Record<string, Record<string, string[]>> = {};
  for (const file of texts) {
    let section: Record<string, string[]> = {};
    for (const line of file.replace(/\\\n/g, " ").split("\n")) {
      const name = /^\[(.+)\]$/.exec(line.trim())?.[1];
      if (name !== undefined) {
        // [Install] says nothing about what runs.
        section = name === "Install" ? {} : (sections[name] ?? {});
        if (name !== "Install") sections[name] = section;
        continue;
      }
      const match = /^([^#;=][^=]*)=(.*)$/.exec(line);
      if (match === null) continue;
      const [, key = "", value = ""] = match;
      const text = value.trim();
      section[key.trim()] = text === "" ? [] : [...(section[key.trim()] ?? []), text];
    }
  }
  return sections;
}

/** Whether a setting is on; the last one counts. */
export function isOn(unit: UnitFile, section: string, key: string, otherwise: boolean): boolean {
  const value = unit[section]?.[key]?.at(-1);
  return value === undefined ? otherwise : /^(1|yes|true|on)$/.test(value);
}

/** Keys of [Unit] that change nothing about what runs. */
const HARMLESS = new Set([
  "X-Reload-Triggers",
  "Description",
  "Documentation",
  "OnFailure",
  "OnSuccess",
  "OnFailureJobMode",
  "IgnoreOnIsolate",
  "StopWhenUnneeded",
  "RefuseManualStart",
  "RefuseManualStop",
  "AllowIsolate",
  "CollectMode",
  "SourcePath",
]);

/**
 * How two versions of a unit differ, as NixOS sees it: what was only to trigger a reload, only options of a mount or only how a
 * service is reloaded, reloads; that a service can no longer be reloaded is nothing.
 */
export function compareUnits(before: UnitFile, after: UnitFile): "equal" | "reload" | "restart" {
  let result: "equal" | "reload" = "equal";
  for (const section of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const one = before[section];
    const other = after[section];
    for (const key of new Set([...Object.keys(one ?? {}), ...Object.keys(other ?? {})])) {
      if (JSON.stringify(one?.[key]) === JSON.stringify(other?.[key])) continue;
      const isGone = other?.[key] === undefined;
      const isNew = one?.[key] === undefined;
      const reloads =
        (section === "Unit" && key === "X-Reload-Triggers") ||
        (section === "Service" && key === "ExecReload") ||
        (section === "Mount" && key === "Options" && !isGone && !isNew);
      if (reloads && !isGone) result = "reload";
      else if (!reloads && !(section === "Unit" && HARMLESS.has(key))) return "restart";
    }
    // A section without a key in it counts too.
    if ((one === undefined || other === undefined) && Object.keys(one ?? other ?? {}).length === 0 && section !== "Unit")
      return "restart";
  }
  return result;
}
