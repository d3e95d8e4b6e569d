import { lutimes, mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import type { Properties } from "../systemd/show.ts";
import { makeClosure } from "./closures.fixture.ts";
import { unitDifferences } from "./home-manager-units.ts";

const units = ".config/systemd/user";
const service = (environment: string, unit = "") =>
  `[Install]\nWantedBy=default.target\n\n[Service]\nEnvironment=N=${environment}\nExecStart=/bin/sleep infinity\n\n[Unit]\n${unit}`;
/** Held against modules/systemd.nix of Home Manager ec1a8fdf (August 2026): by which of the two it switches units. */
const activate = {
  switches: "/nix/store/…-sd-switch/bin/sd-switch --new-units",
  suggests: "bash /nix/store/…-systemd-activate.sh",
};

/** What systemctl says as of systemd 262 with `--timestamp=us+utc`. */
const at = (seconds: string) => `Sun 2026-11-29 20:00:${seconds} UTC`;
const linked = new Date("2026-11-29T20:00:10Z");

interface Case {
  old?: Record<string, string>;
  failed?: Record<string, string>;
  by?: { old?: string; failed?: string };
  shown: Record<string, Properties>;
  loadedAt?: string;
  isDeployment?: boolean;
}

/** What differs in a home whose links were made at 20:00:10, and which generation's units run as `shown`. */
async function seen({ old = {}, failed = {}, by = {}, shown, loadedAt = at("11.000000"), isDeployment = false }: Case) {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const home = join(dir.path, "home");
  const generation = (name: string, services: Record<string, string>, script = activate.switches) =>
    makeClosure(dir.path, name, {
      activate: script,
      ...Object.fromEntries(Object.entries(services).map(([unit, text]) => [join("home-files", units, unit), text])),
    });
  const running = await generation("old", old, by.old);
  const replaced = await generation("failed", failed, by.failed);
  for (const name of Object.keys(old)) {
    const path = join(home, units, name);
    await mkdir(dirname(path), { recursive: true });
    await symlink(join(running, "home-files", units, name), path);
    await lutimes(path, linked, linked);
  }
  const systemd = {
    async show(names: readonly string[]): Promise<readonly Properties[]> {
      if (names.length === 0) return [{ UnitsLoadTimestamp: loadedAt }];
      const none = { LoadState: "not-found", ActiveState: "inactive", FragmentPath: "", ActiveEnterTimestamp: "" };
      return names.map((Id) => ({ ...none, Id, ...shown[Id] }));
    },
  };
  const meant = { running, profile: null, replaced, ...(isDeployment ? {} : { after: "undo" as const }) };
  const differences = await unitDifferences({ home, systemd }, meant);
  return differences.map(({ sentence }) => sentence);
}

const active = (since: string): Properties => ({
  LoadState: "loaded",
  ActiveState: "active",
  ActiveEnterTimestamp: at(since),
});

test("R63: a unit of the failed generation that still runs is told", async () => {
  const failed = { "extra.service": service("1") };
  const runs: Properties = { ...active("05.000000"), LoadState: "not-found" };
  expect(await seen({ failed, shown: { "extra.service": runs } })).toEqual([
    "extra.service still runs, and is no unit of this generation.",
  ]);
  expect(await seen({ failed, shown: {} })).toEqual([]);
  // The system has one of the same name, which the failed generation had hidden.
  const systems = { ...active("12.000000"), FragmentPath: "/usr/lib/systemd/user/extra.service" };
  expect(await seen({ failed, shown: { "extra.service": systems } })).toEqual([]);
});

test("R63: a unit that was started before its file was the one of this generation is told", async () => {
  const [old, failed] = [{ "notes.service": service("1") }, { "notes.service": service("2") }];
  expect(await seen({ old, failed, shown: { "notes.service": active("09.900000") } })).toEqual([
    "notes.service still runs as it was started from another file.",
  ]);
  expect(await seen({ old, failed, shown: { "notes.service": active("12.000000") } })).toEqual([]);
  expect(await seen({ old, failed: old, shown: { "notes.service": active("01.000000") } })).toEqual([]);
});

test("R63: units that the user's systemd has not read again are told, after a deployment too", async () => {
  const [old, failed] = [{ "notes.service": service("1") }, { "notes.service": service("2") }];
  const told = ["notes.service was not loaded again by the user's systemd."];
  const shown = { "notes.service": active("12.000000") };
  const late = { old, failed, shown, loadedAt: at("09.000000") };
  expect(await seen(late)).toEqual(told);
  expect(await seen({ ...late, isDeployment: true })).toEqual(told);
  // Before systemd 246 it does not say when.
  expect(await seen({ ...late, loadedAt: "" })).toEqual([]);
  // After a deployment no unit is judged by when it was started: which ones are restarted is its own configuration's business.
  expect(await seen({ old, failed, shown: { "notes.service": active("01.000000") }, isDeployment: true })).toEqual([]);
});

test("units that a switch leaves alone are not judged, nor any where the activations only print what to do", async () => {
  const shown = { "notes.service": active("01.000000") };
  for (const unit of ["X-SwitchMethod=keep-old", "X-SwitchMethod=reload", "X-RestartIfChanged=false", "RefuseManualStop=true"]) {
    const of = (n: string) => ({ "notes.service": service(n, `${unit}\n`) });
    expect(await seen({ old: of("1"), failed: of("2"), shown }), unit).toEqual([]);
  }
  const described = (text: string) => ({ "notes.service": service("1", `Description=${text}\n`) });
  expect(await seen({ old: described("a"), failed: described("b"), shown })).toEqual([]);
  const [old, failed] = [{ "notes.service": service("1") }, { "notes.service": service("2") }];
  const { suggests } = activate;
  expect(await seen({ old, failed, shown, by: { old: suggests, failed: suggests } })).toEqual([]);
  // The failed one has started it, so an undo is to end that, whatever the old one does by itself.
  expect(await seen({ old, failed, shown, by: { old: suggests } })).toHaveLength(1);
});
