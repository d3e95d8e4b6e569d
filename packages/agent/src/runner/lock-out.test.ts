import { expect, test } from "vitest";
import { createTestHost, eventsOf } from "./host.fixture.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKadaadaada ada@laptop\n";
const reached = {
  "systemd/system/multi-user.target.wants/sshd.service": "[Service]\n",
  "ssh/sshd_config": "Port 22\n",
  "ssh/authorized_keys.d/root": key,
};
const { "systemd/system/multi-user.target.wants/sshd.service": _, ...withoutSshd } = reached;

test("R83: a switch that would switch sshd off is refused by name before it, shown by the preview, and done when forced", async () => {
  await using host = await createTestHost({ host: { etc: reached } });
  expect((await host.doRun("switch")).outcome).toMatchObject({ state: "succeeded" });
  await host.flake.commitFlake("no sshd", { hosts: { gate: { etc: withoutSshd } } });

  const preview = await host.doRun("preview");
  expect(eventsOf(await host.events(preview.runId), "preview")[0]?.preview.lockOut).toEqual({
    risks: ["sshd is switched off."],
    unclear: [],
  });

  for (const mode of ["switch", "boot", "test"]) {
    expect((await host.doRun("switch", { mode })).outcome).toMatchObject({
      state: "refused",
      code: "would-lock-out",
      reason: expect.stringMatching(/sshd is switched off\.$/),
    });
  }
  expect(await host.activations()).toHaveLength(1);

  const forced = await host.doRun("switch", {}, { force: true });
  expect(forced.outcome).toMatchObject({ state: "succeeded" });
  const warnings = eventsOf(await host.events(forced.runId), "warning").map(({ message }) => message);
  expect(warnings).toContainEqual("Forced: sshd is switched off.");
});

test("R83: beside a specialisation that is kept, what the next boot brings is held to the same", async () => {
  await using host = await createTestHost({ host: { etc: reached, specialisations: { x: "x" } } });
  await host.doRun("switch", { specialisation: "x" });
  await host.flake.commitFlake("no sshd in what is booted", {
    hosts: { gate: { etc: withoutSshd, specialisations: { x: "x" }, specialisationEtc: reached } },
  });
  const { outcome } = await host.doRun("switch");
  expect(outcome).toMatchObject({ state: "refused", code: "would-lock-out" });
});

test("R83: a rollback is held to the same", async () => {
  await using host = await createTestHost({ host: { etc: withoutSshd } });
  await host.doRun("switch");
  await host.flake.commitFlake("sshd", { hosts: { gate: { etc: reached } } });
  await host.doRun("switch");
  expect((await host.doRun("rollback", { generation: 1 })).outcome).toMatchObject({ state: "refused", code: "would-lock-out" });
});

test("R83: what cannot be told is a warning, and the switch goes on", async () => {
  await using host = await createTestHost({ host: { etc: reached } });
  await host.doRun("switch");
  const etc = { ...reached, "ssh/sshd_config": "Port 22\nAllowGroups ssh-users\n" };
  await host.flake.commitFlake("groups", { hosts: { gate: { etc } } });
  const { runId, outcome } = await host.doRun("switch");
  expect(outcome).toMatchObject({ state: "succeeded" });
  expect(eventsOf(await host.events(runId), "warning").map(({ message }) => message)).toContainEqual(
    "This can lock somebody out: sshd has another AllowGroups: ssh-users. Whom that keeps out cannot be told.",
  );
});
