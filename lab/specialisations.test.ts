import { afterAll, beforeAll, expect, test } from "vitest";
import type { Host } from "./host.ts";
import { failingUnit, type HostConfiguration, longRunning, restartingUnit } from "./host-configuration.ts";
import { type Lab, startLab } from "./lab.ts";

/** Hosts and homes that run a specialisation of what was deployed. */
let lab: Lab;
beforeAll(async () => {
  lab = await startLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

type Special = Pick<HostConfiguration, "units"> & Partial<HostConfiguration>;
const withOffice =
  (special: (units: HostConfiguration["units"]) => Special) =>
  (now: HostConfiguration): HostConfiguration => ({ ...now, specialisations: { office: special(now.units) } });
/** The units of the configuration, and one that says which version of the specialisation it is of. */
const withDesk = (units: HostConfiguration["units"], version: number) => ({
  ...units,
  "desk.service": longRunning("Of the office alone", `Environment=DESK=${version}`),
});

async function switchTo(host: string, commit: string, args: Record<string, unknown> = {}) {
  const { summary, outcome } = await lab.perform(host, "switch", { commit, ...args });
  const end = outcome?.code == null ? summary.state : `${summary.state} ${outcome.code}`;
  return { end, said: `${outcome?.reason}\n${await lab.logOf(summary.id)}` };
}

const leadsTo = (host: Host, link: string) => host.run("readlink", "-f", link);
const PROFILE = "/nix/var/nix/profiles/system";

test("R63: a host is switched to a specialisation, keeps it, goes back to it, and boots the configuration itself", async () => {
  const host = await lab.addHost("gate", { settings: { confirmTimeout: 30 } });
  const desk = () => host.run("systemctl", "show", "--property=ActiveState,Environment", "desk.service");
  const one = await lab.config.change(
    "gate: an office",
    "gate",
    withOffice((units) => ({ units: withDesk(units, 1) })),
  );

  const first = await switchTo("gate", one, { specialisation: "office" });
  expect(first.end, first.said).toBe("succeeded");
  const office = await leadsTo(host, `${PROFILE}/specialisation/office`);
  expect(await leadsTo(host, "/run/current-system")).toBe(office);
  expect(await desk()).toBe("ActiveState=active\nEnvironment=DESK=1");

  const broken = await lab.config.change(
    "gate: an office that fails",
    "gate",
    withOffice((units) => ({ units: { ...withDesk(units, 2), "database.service": failingUnit } })),
  );
  const failed = await switchTo("gate", broken);
  expect(failed.end, failed.said).toBe("rolled-back units-failed");
  expect(await leadsTo(host, "/run/current-system")).toBe(office);
  expect(await desk()).toBe("ActiveState=active\nEnvironment=DESK=1");

  const three = await lab.config.change(
    "gate: another office",
    "gate",
    withOffice((units) => ({ units: withDesk(units, 3) })),
  );
  const kept = await switchTo("gate", three);
  expect(kept.end, kept.said).toBe("succeeded");
  expect(await desk()).toBe("ActiveState=active\nEnvironment=DESK=3");
  const { facts } = await lab.untilHost("gate", (view) => view.facts.running?.specialisation?.name === "office");
  expect(facts.running?.specialisation?.of).toBe(await leadsTo(host, PROFILE));

  await host.reboot();
  await lab.untilOnline("gate");
  expect(await leadsTo(host, "/run/current-system")).toBe(await leadsTo(host, PROFILE));
  expect(await host.unitState("desk.service")).toBe("inactive");
});

test("R63: a home is switched to a specialisation, keeps it, and goes back to it with its units", async () => {
  const host = await lab.addHost("home", { platform: "home-manager", settings: { confirmTimeout: 30 } });
  const state = "/home/alice/.local/state";
  const current = `${state}/home-manager/gcroots/current-home`;
  const profile = `${state}/nix/profiles/home-manager`;
  const desk = async () => {
    const argv = ["systemctl", "--user", "show", "--property=ActiveState,Environment", "desk.service"] as const;
    return (await host.exec(argv, { user: "alice" })).stdout.trim();
  };
  const one = await lab.config.change(
    "home: an office",
    "home",
    withOffice((units) => ({ units: withDesk(units, 1) })),
  );

  const first = await switchTo("home", one, { specialisation: "office" });
  expect(first.end, first.said).toBe("succeeded");
  const office = await leadsTo(host, `${profile}/specialisation/office`);
  expect(await leadsTo(host, current)).toBe(office);
  expect(await desk()).toBe("ActiveState=active\nEnvironment=DESK=1");

  const database = { "database.service": failingUnit.replace("multi-user.target", "default.target") };
  const extra = { "extra.service": longRunning("Of the office that fails"), "loop.service": restartingUnit };
  const broken = await lab.config.change(
    "home: an office that fails",
    "home",
    withOffice((units) => ({ units: { ...withDesk(units, 2), ...extra, ...database } })),
  );
  const failed = await switchTo("home", broken);
  expect(failed.end, failed.said).toBe("rolled-back activation-failed");
  expect(await leadsTo(host, current)).toBe(office);
  expect(await desk()).toBe("ActiveState=active\nEnvironment=DESK=1");
  const left = await host.exec(["systemctl", "--user", "is-active", "extra.service", "loop.service"], { user: "alice" });
  expect(left.stdout.trim()).toBe("inactive\ninactive");
  const session = await host.exec(["systemctl", "--user", "is-system-running"], { user: "alice" });
  expect(session.stdout.trim()).toBe("running");

  const three = await lab.config.change(
    "home: another office",
    "home",
    withOffice((units) => ({ units: withDesk(units, 3) })),
  );
  const kept = await switchTo("home", three);
  expect(kept.end, kept.said).toBe("succeeded");
  expect(await desk()).toBe("ActiveState=active\nEnvironment=DESK=3");
  expect(await leadsTo(host, current)).toBe(await leadsTo(host, `${profile}/specialisation/office`));
});
