import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Host } from "./host.ts";
import { createPackage, type HostConfiguration, restartingUnit } from "./host-configuration.ts";
import { HOST_KIND_NAMES, HOST_KINDS, type HostKind } from "./host-kinds.ts";
import { type Lab, startLab } from "./lab.ts";
import { readVersions, type Versions, versionsOn } from "./versions.ts";

let lab: Lab;
beforeAll(async () => {
  lab = await startLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

type Change = (now: HostConfiguration) => HostConfiguration;
const withHello =
  (version: string, fails = false): Change =>
  (now) => ({ ...now, packages: { ...now.packages, hello: createPackage(version, { fails }) } });

/** Starts an op, and expects its end with the whole log beside it. */
async function expectEnd(
  host: string,
  end: string,
  ...op: Parameters<Lab["perform"]> extends [string, ...infer Op] ? Op : never
) {
  const run = await lab.perform(host, ...op);
  const { summary, outcome } = run;
  const ended = outcome?.code == null ? summary.state : `${summary.state} ${outcome.code}`;
  const log = await lab.logOf(summary.id);
  expect(ended, `${op[0]}: ${outcome?.reason}\n${log.slice(-3000)}`).toBe(end);
  return { ...run, log };
}

const closureOf = (host: Host) => host.run("readlink", "-f", "/run/current-system");

describe.each(HOST_KIND_NAMES)("a host of the kind %s", (kind) => {
  test("R75: has the systemd and the Nix that docs/versions.md says, and a Nix with no feature switched on where a daemon serves it", async () => {
    const host = await lab.addHost(kind, { kind });

    const seen = await versionsOn(host);

    console.log(`${kind}: systemd ${seen.systemd}, Nix ${seen.nix}, git ${seen.git}`);
    expectDocumented(kind, seen);
    const evaluated = await host.exec(["nix", "eval", "--expr", "1"]);
    if (HOST_KINDS[kind].nixDaemon) {
      expect(evaluated.stderr).toContain("experimental Nix feature 'nix-command' is disabled");
      expect(await host.unitState("nix-daemon.socket")).toBe("active");
    } else {
      expect(evaluated.stdout.trim()).toBe("1");
    }
  });

  test("R75: pulls, previews, switches, says why a build fails, tests, rolls back, collects garbage and is checked", async () => {
    const host = lab.hosts.get(kind);
    if (host === undefined) throw new Error(`There is no ${kind}.`);
    const first = await closureOf(host);
    const { facts } = await lab.hostView(kind);
    const firstGeneration = facts.profile?.generation ?? 0;

    const commit = await lab.config.commit(
      `${kind}: another hello`,
      { [kind]: withHello("2.13")(lab.config.configuration(kind)) },
      { [`hosts/${kind}/tests/T01-hello.sh`]: '#!/bin/sh\ntest "$(hello)" = "hello 2.13"\n' },
    );
    await expectEnd(kind, "succeeded", "pull", { commit });

    const preview = await expectEnd(kind, "succeeded", "preview", { commit });
    expect(preview.diff?.changed).toEqual([expect.objectContaining({ name: "hello", from: ["2.12"], to: ["2.13"] })]);
    expect(await closureOf(host)).toBe(first);

    await expectEnd(kind, "succeeded", "switch", { commit });
    const second = await closureOf(host);
    expect(second).toBe(preview.diff?.to);
    expect(await host.run("readlink", "-f", "/nix/var/nix/profiles/system")).toBe(second);

    const broken = await lab.config.change(`${kind}: a hello that cannot be built`, kind, withHello("2.14", true));
    const failed = await expectEnd(kind, "failed build-failed", "switch", { commit: broken });
    expect(failed.log).toContain("src/main.c:12:3: error: implicit declaration of function 'hello_init'");
    expect(await closureOf(host)).toBe(second);

    await expectEnd(kind, "succeeded", "pull", { commit });
    const tests = await expectEnd(kind, "succeeded", "test");
    expect(tests.outcome?.reason).toBe("1 test passed");

    await expectEnd(kind, "succeeded", "rollback", { generation: firstGeneration });
    expect(await closureOf(host)).toBe(first);

    const collected = await expectEnd(kind, "succeeded", "collect-garbage", { keepDays: 0 });
    expect(collected.outcome?.reason).toMatch(/\d+ store paths? deleted/);
    expect(await host.run("hello")).toBe("hello 2.12");

    const checked = await host.exec(["nixfleet-agent", "check"]);
    expect(checked.stdout).toMatch(/^ok +nix +Nix [\d.]+ reaches its store$/m);
    expect(checked.exitCode, checked.stdout).toBe(0);
  });

  test("R63: a service that cannot start and is started again and again takes the switch back, and is named", async () => {
    const host = lab.hosts.get(kind);
    if (host === undefined) throw new Error(`There is no ${kind}.`);
    const before = await closureOf(host);
    const commit = await lab.config.change(`${kind}: falls over`, kind, (now) => ({
      ...withHello("2.13")(now),
      units: { ...now.units, "loop.service": restartingUnit },
    }));

    const ended = await expectEnd(kind, "rolled-back units-failed", "switch", { commit });

    expect(ended.outcome?.reason).toContain("loop.service");
    expect(ended.log).toContain("warning: the following units failed: loop.service");
    expect(await closureOf(host)).toBe(before);
    expect(await host.run("systemctl", "show", "--property=LoadState", "--value", "loop.service")).toBe("not-found");
  });

  test("R75: a home is switched, says why a build fails, and goes back", async () => {
    const name = `home-${kind}`;
    const host = await lab.addHost(name, { kind, platform: "home-manager", settings: { confirmTimeout: 30 } });
    const profile = "/home/alice/.local/state/nix/profiles/home-manager";
    const first = await host.run("readlink", "-f", profile);
    const generation = (await lab.hostView(name)).facts.profile?.generation ?? 0;

    const commit = await lab.config.change(`${name}: another hello`, name, withHello("2.13"));
    await expectEnd(name, "succeeded", "switch", { commit });
    const hello = "/home/alice/.local/state/home-manager/gcroots/current-home/home-path/bin/hello";
    expect(await host.run(hello)).toBe("hello 2.13");

    const broken = await lab.config.change(`${name}: a hello that cannot be built`, name, withHello("2.14", true));
    await expectEnd(name, "failed build-failed", "switch", { commit: broken });

    await expectEnd(name, "succeeded", "rollback", { generation });
    expect(await host.run("readlink", "-f", profile)).toBe(first);
    expect(await host.run(hello)).toBe("hello 2.12");
  });
});

/** A stable release's versions stay; a newer one's move on, and the table says since which the lab has run it. */
function expectDocumented(kind: HostKind, seen: Versions): void {
  const documented = readVersions(kind);
  const { git, ...stays } = documented;
  if (HOST_KINDS[kind].isStable) expect(seen).toMatchObject(stays);
  else expectAtLeast(seen, stays);
  expectAtLeast(seen, { git });
}

function expectAtLeast(seen: Versions, least: Partial<Versions>): void {
  for (const [tool, version] of Object.entries(least)) {
    const isNewer = seen[tool as keyof Versions].localeCompare(version, "en", { numeric: true }) >= 0;
    expect(isNewer, `${tool} ${seen[tool as keyof Versions]} is older than ${version} in docs/versions.md`).toBe(true);
  }
}
