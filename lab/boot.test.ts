import { setTimeout as sleep } from "node:timers/promises";
import { isTerminal } from "@nixfleet/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Host } from "./host.ts";
import type { HostConfiguration } from "./host-configuration.ts";
import { type Lab, startLab } from "./lab.ts";

/** Below /var, so that it outlives a boot. While a file is there, what is named after it waits. */
const HOLD = "/var/lib/lab/hold";
const LOADER = "/boot/loader/loader.conf";

let lab: Lab;
let host: Host;

beforeAll(async () => {
  lab = await startLab();
  host = await lab.addHost("boots", {
    settings: {
      confirmTimeout: 40,
      healthChecks: [
        {
          kind: "command",
          name: "not held",
          argv: ["/bin/sh", "-c", `mkdir -p ${HOLD}; touch ${HOLD}/at-confirm; test ! -e ${HOLD}/confirm`],
        },
      ],
    },
    // Its own activation can be kept from going on, as an undo runs it; not at a boot.
    configure: (plain) => ({
      ...plain,
      activation: `if [ -d /run/systemd/system ]; then while [ -e ${HOLD}/undo ]; do touch ${HOLD}/at-undo; sleep 0.1; done; fi`,
    }),
  });
});
afterAll(() => lab[Symbol.asyncDispose]());

/** What runs, what the profile names, and what the boot loader starts. */
async function readState() {
  const [running, profile, entry] = await Promise.all([
    host.run("readlink", "-f", "/run/current-system"),
    host.run("readlink", "-f", "/nix/var/nix/profiles/system"),
    host.run(
      "sh",
      "-c",
      `sed -n 's|^options .*init=\\([^ ]*\\)/init.*|\\1|p' "/boot/loader/entries/$(sed -n 's/^default //p' ${LOADER})"`,
    ),
  ]);
  return { running, profile, entry };
}

async function switchTo(label: string, change: (now: HostConfiguration) => HostConfiguration = (now) => now): Promise<string> {
  const commit = await lab.config.change(`boots: ${label}`, "boots", (now) => ({ ...change(now), release: label }));
  return lab.start("boots", "switch", { commit });
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const limit = Date.now() + 90_000;
  while (!(await holds())) {
    if (Date.now() > limit) throw new Error(`${what}: not in time.\n${(await host.journal()).slice(-4000)}`);
    await sleep(100);
  }
}

const isThere = async (path: string) => (await host.exec(["test", "-e", path])).exitCode === 0;
/** It has written the entries, and its `loader.conf` under another name. */
const isInstallerHeld = () => isThere(`${HOLD}/at-installer`);
/** While the host is off. */
const offline = (script: string) => host.runOffline(["/bin/sh", "-ec", script]);

/** Nothing of the switch is left, and the run says so within the time that a boot and an undo take. */
async function expectBack(run: string, was: Awaited<ReturnType<typeof readState>>): Promise<void> {
  const { summary, outcome } = await lab.untilRun(run, (view) => isTerminal(view.summary.state));
  expect(`${summary.state} ${outcome?.code}`, `${outcome?.reason}\n${await lab.logOf(run)}`).toBe("rolled-back host-restarted");
  expect(await readState()).toEqual(was);
  expect(await isThere("/var/lib/nixfleet-runner/deadman.json")).toBe(false);
  await lab.untilOnline("boots");
}

test("R82: a generation that cannot boot, and a power cut before it is confirmed: the machine boots what ran", async () => {
  const was = await readState();
  expect(was).toEqual({ running: was.running, profile: was.running, entry: was.running });
  await host.run("sh", "-c", `mkdir -p ${HOLD}; touch ${HOLD}/confirm`);
  const run = await switchTo("cannot-boot", (now) => ({ ...now, activation: "[ -d /run/systemd/system ] || sleep infinity" }));
  await until("It runs", async () => (await readState()).running.endsWith("-cannot-boot"));
  await until("It is being confirmed", () => isThere(`${HOLD}/at-confirm`));
  expect(await readState()).toMatchObject({ profile: was.profile, entry: was.entry });

  await host.powerLoss();
  await host.boot();

  await expectBack(run, was);
  await host.run("rm", `${HOLD}/confirm`);
});

test("R82, R6: power is lost while the last steps are at work, and again in each phase of the undo: what ran comes back", async () => {
  await lab.config.change("boots: as it began", "boots", (now) => ({
    ...now,
    activation: `if [ -d /run/systemd/system ]; then while [ -e ${HOLD}/undo ]; do touch ${HOLD}/at-undo; sleep 0.1; done; fi`,
  }));
  const was = await readState();
  await host.run("sh", "-c", `mkdir -p ${HOLD}; touch ${HOLD}/installer`);
  const run = await switchTo("in-the-last-steps");
  await until("Its boot entry is being installed", isInstallerHeld);
  expect((await readState()).profile).toMatch(/-in-the-last-steps$/);

  // As a file system without a journal can have it that was just renaming: the new default is there, and what it was renamed from too.
  await host.powerLoss();
  await offline(`cp /boot/loader/loader.tmp ${LOADER}; rm ${HOLD}/at-installer; touch ${HOLD}/undo`);
  await host.boot();
  expect((await readState()).entry).toMatch(/-in-the-last-steps$/);
  await until("The undo activates what ran", () => isThere(`${HOLD}/at-undo`));

  await host.powerLoss();
  await offline(`rm ${HOLD}/undo ${HOLD}/at-undo; test -e /boot/loader/loader.tmp; test ! -e ${HOLD}/at-installer`);
  await host.boot();
  await until(
    "The undo installs the boot entry of what ran",
    async () => (await readState()).running === was.running && (await isInstallerHeld()),
  );

  await host.powerLoss();
  await offline(`rm ${HOLD}/installer; test -e /boot/loader/loader.tmp`);
  await host.boot();

  await expectBack(run, was);
  const next = await lab.untilRun(await switchTo("next"), ({ summary }) => isTerminal(summary.state));
  expect(next.summary.state, await lab.logOf(next.summary.id)).toBe("succeeded");
  const { running, ...rest } = await readState();
  expect(running).toMatch(/-next$/);
  expect(rest).toEqual({ profile: running, entry: running });
});
