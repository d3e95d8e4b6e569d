import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Exec, exec } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { parseListedUnits, parseUnitStates } from "./show.ts";
import { createSystemd } from "./systemd.ts";

test.for([
  ["echo active", true],
  ["echo deactivating", true],
  ["echo inactive", false],
  ["echo failed", false],
  ["echo active; exit 1", undefined],
  ["echo 'Failed to connect to bus' >&2; exit 1", undefined],
] as const)("R37: whether a unit is active, where systemctl does %s: %s; its silence is no answer", async ([script, answer]) => {
  await using dir = await createTempDir();
  const bin = join(dir.path, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "systemctl"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const systemd = createSystemd({ exec, scope: "system", env: { PATH: `${bin}:${process.env["PATH"]}` } });
  expect(await systemd.isUnitActive("web.service")).toBe(answer);
});

test("R24: without systemctl the failed units are absent", async () => {
  const systemd = createSystemd({ exec, scope: "system", env: { PATH: "/nonexistent" } });
  expect(await systemd.failedUnits()).toBeUndefined();
  expect(parseListedUnits("no json")).toBeUndefined();
});

/**
 * What a real systemd printed for services that were started and did not stay: 252, 257 and 262 print the same but for the order of
 * properties. To see it again: on a host of the lab, start services whose main process ends badly, is killed, cannot be executed, takes too
 * long or ends well, with `Restart=always` and `RestartSec=3600`; then the two commands that `failedUnits` calls.
 */
const fixture = (name: string) => readFile(new URL(`fixtures/${name}`, import.meta.url), "utf8");

/** A systemd that answers by the first words of what it is asked. */
function answeringBy(answers: Record<string, string>) {
  const calls: string[] = [];
  const recording: Exec = ({ argv }) => {
    calls.push(argv.join(" "));
    const stdout = answers[argv[1] ?? ""];
    const end = { kind: "exited", exitCode: stdout === undefined ? 1 : 0 } as const;
    return { pid: 1, result: Promise.resolve({ end, aborted: false, stdout: stdout ?? "", stderr: "", truncated: false }) };
  };
  return { calls, systemd: createSystemd({ exec: recording, scope: "system", env: {} }) };
}

test("R63: a unit has failed if its state says so, or if it is being restarted because its last run did not end well", async () => {
  const { calls, systemd } = answeringBy({
    "list-units": await fixture("failed-units-252.txt"),
    show: await fixture("results-252.txt"),
  });
  expect(await systemd.failedUnits()).toEqual(
    ["crash", "failing", "kill9", "noexec", "pre", "timeouts"].map((name) => `${name}.service`),
  );
  expect(calls[0]).toContain("--state=failed,auto-restart,auto-restart-queued ");
  const silent = answeringBy({ "list-units": await fixture("failed-units-252.txt") });
  expect(await silent.systemd.failedUnits()).toBeUndefined();
});

test("R24: no failed unit is an empty list, and nothing else is asked", async () => {
  const { calls, systemd } = answeringBy({ "list-units": "[]" });
  expect(await systemd.failedUnits()).toEqual([]);
  expect(calls).toHaveLength(1);
});

/** A systemd that answers every call with this text, and what it was called with. */
function answering(stdout: string, exitCode = 0) {
  const calls: string[] = [];
  const recording: Exec = ({ argv }) => {
    calls.push(argv.join(" "));
    const end = { kind: "exited", exitCode } as const;
    return { pid: 1, result: Promise.resolve({ end, aborted: false, stdout, stderr: "no bus\n", truncated: false }) };
  };
  return { calls, systemd: createSystemd({ exec: recording, scope: "user", env: {} }) };
}

test("a user's own systemd is the one that stops, restarts and tells of a service", async () => {
  const { calls, systemd } = answering("712\n");
  expect(await systemd.mainPid("web.service")).toBe(712);
  expect(await systemd.restart("web.service")).toBe(true);
  await systemd.stop("web.service");
  expect(calls).toEqual([
    "systemctl --user show --property=MainPID --value web.service",
    "systemctl --user restart --no-block web.service",
    "systemctl --user stop web.service",
  ]);
  expect(systemd.launcher({ unit: "x", variables: [] }).slice(0, 2)).toEqual(["systemd-run", "--user"]);
});

test("R37: a systemd that refuses is told apart from one that says that nothing runs", async () => {
  expect(await answering("0\n").systemd.mainPid("web.service")).toBe(0);
  const { systemd } = answering("", 1);
  expect(await systemd.mainPid("web.service")).toBeUndefined();
  expect(await systemd.restart("web.service")).toBe(false);
  expect(await systemd.unitStates(["web.service"])).toEqual({ error: "no bus" });
});

test("the state of each unit is read by its name", () => {
  const text = "Id=web.service\nLoadState=loaded\nActiveState=active\n\nId=x.path\nLoadState=not-found\nActiveState=inactive\n";
  expect([...parseUnitStates(text)]).toEqual([
    ["web.service", { load: "loaded", active: "active" }],
    ["x.path", { load: "not-found", active: "inactive" }],
  ]);
});
