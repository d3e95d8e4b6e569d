import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Properties, parseTimestamp } from "../systemd/show.ts";
import type { Systemd } from "../systemd/systemd.ts";
import type { Difference, MeantState } from "./platform.ts";

/** Where a generation has units: those of `systemd.user` and those of packages (modules/systemd.nix of Home Manager). */
const DIRECTORIES = [".config/systemd/user", ".local/share/systemd/user"] as const;

/** One service of a generation. */
interface Service {
  /** Below the home. */
  path: string;
  text: string;
}

/** `ActiveState` of a unit that has processes, or is about to (org.freedesktop.systemd1(5)). */
const RUNS = /^(active|activating|reloading|refreshing|deactivating)$/;

/**
 * Compares the services of a user's systemd with those of a generation, as far as the two generations have different ones: none of
 * the replaced generation's still runs, and what runs was started from the file that is there now. Home Manager leaves the units as
 * they are while the user's systemd starts or does not answer, and ends with success all the same (`reloadSystemd` in
 * modules/systemd.nix).
 */
export async function unitDifferences(
  { home, systemd }: { home: string; systemd: Pick<Systemd, "show"> },
  { running, replaced, after }: MeantState,
): Promise<Difference[]> {
  if (replaced === null) return [];
  const isSwitch = (await switchesUnits(running)) || (after === "undo" && (await switchesUnits(replaced)));
  if (!isSwitch) return [];
  const [meant, others] = [await servicesOf(running), await servicesOf(replaced)];
  const names = [...new Set([...meant.keys(), ...others.keys()])].filter((name) => isSwitched(meant.get(name), others.get(name)));
  if (names.length === 0) return [];
  const properties = ["Id", "LoadState", "ActiveState", "FragmentPath", "ActiveEnterTimestamp"];
  const shown = await systemd.show(names, properties);
  const [manager] = (await systemd.show([], ["UnitsLoadTimestamp"])) ?? [];
  if (shown === undefined || manager === undefined) return [];
  const byName = new Map(shown.map((unit) => [unit["Id"], unit]));
  const differences: Difference[] = [];
  for (const name of names) {
    const unit = byName.get(name);
    const service = meant.get(name);
    const changedAt = service === undefined ? undefined : await changeTime(join(home, service.path));
    const isMeant = service !== undefined;
    const fault = unit === undefined ? undefined : faultOf(unit, { home, isMeant, changedAt, manager, isUndo: after === "undo" });
    if (fault !== undefined) differences.push({ what: name, sentence: `${name} ${fault}` });
  }
  return differences;
}

function faultOf(
  unit: Properties,
  {
    home,
    isMeant,
    changedAt,
    manager,
    isUndo,
  }: { home: string; isMeant: boolean; changedAt: number | undefined; manager: Properties; isUndo: boolean },
): string | undefined {
  const loadedAt = parseTimestamp(manager["UnitsLoadTimestamp"]);
  if (loadedAt !== undefined && changedAt !== undefined && loadedAt < changedAt)
    return "was not loaded again by the user's systemd.";
  if (!isUndo) return undefined;
  const runs = RUNS.test(unit["ActiveState"] ?? "");
  if (!isMeant) {
    // One of the same name may be the system's own.
    const isOwn = unit["LoadState"] !== "loaded" || unit["FragmentPath"]?.startsWith(`${home}/`) === true;
    return runs && isOwn ? "still runs, and is no unit of this generation." : undefined;
  }
  const since = parseTimestamp(unit["ActiveEnterTimestamp"]);
  if (unit["ActiveState"] !== "active" || changedAt === undefined || since === undefined || since >= changedAt) return undefined;
  return "still runs as it was started from another file.";
}

/** Whether the activation stops and starts units, and does not only print what a person should do (`startServices = "suggest"`). */
async function switchesUnits(closure: string): Promise<boolean> {
  const script = await readFile(join(closure, "activate"), "utf8").catch(orNothing);
  return script !== undefined && !script.includes("systemd-activate.sh");
}

/** The services of a generation, by name. Templates run under other names. */
async function servicesOf(closure: string): Promise<Map<string, Service>> {
  const services = new Map<string, Service>();
  for (const directory of DIRECTORIES) {
    const files = join(closure, "home-files", directory);
    for (const name of (await readdir(files).catch(orNothing)) ?? []) {
      if (!name.endsWith(".service") || name.endsWith("@.service") || services.has(name)) continue;
      const text = await readFile(join(files, name), "utf8").catch(orNothing);
      if (text !== undefined) services.set(name, { path: join(directory, name), text });
    }
  }
  return services;
}

/**
 * Whether a switch between the two is to stop, start or restart the service. sd-switch leaves alone what refuses that or has another
 * method, and what differs in its description only.
 */
function isSwitched(one: Service | undefined, other: Service | undefined): boolean {
  const texts = [one, other].flatMap((service) => service?.text ?? []);
  if (texts.some((text) => LEFT_ALONE.test(text))) return false;
  return one === undefined || other === undefined || serviceSection(one.text) !== serviceSection(other.text);
}

const LEFT_ALONE = /^(X-SwitchMethod=(keep-old|reload)|X-RestartIfChanged=false|RefuseManualSt(op|art)=(true|yes|on|1))\s*$/m;

function serviceSection(text: string): string {
  const at = text.indexOf("[Service]");
  const rest = at === -1 ? "" : text.slice(at);
  const end = rest.indexOf("\n[");
  return (end === -1 ? rest : rest.slice(0, end)).trim();
}

/** When the link of a unit was last made, in milliseconds. */
async function changeTime(path: string): Promise<number | undefined> {
  return (await lstat(path).catch(orNothing))?.mtimeMs;
}

function orNothing(error: NodeJS.ErrnoException): undefined {
  if (["ENOENT", "ENOTDIR", "EACCES", "EISDIR"].includes(error.code ?? "")) return undefined;
  throw error;
}
