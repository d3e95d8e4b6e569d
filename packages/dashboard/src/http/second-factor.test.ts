import { AuditEntry, CSRF_HEADER, Problem } from "@nixfleet/protocol";
import { createFleetSimulator, createHealthyHost } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { openDashboard, PASSWORD, type Person } from "../dashboard.fixture.ts";

const WRONG = "not the password of ada";
const params = { host: "web1" };

async function open() {
  const scope = new AsyncDisposableStack();
  const dashboard = scope.use(await openDashboard());
  const ada = await dashboard.ada();
  const added = await ada.call("addHost", { body: { name: "web1", platform: "nixos" } });
  const { token } = (await added.json()) as { token: string };
  const fleet = scope.use(
    createFleetSimulator({ url: dashboard.link, hosts: [{ name: "web1", token }], behaviour: createHealthyHost({ pace: 0 }) }),
  );
  fleet.start();
  await fleet.whenConnected();
  return { dashboard, ada, fleet, [Symbol.asyncDispose]: () => scope.disposeAsync() };
}

async function codeOf(response: Promise<Response>): Promise<string> {
  const { status } = await response;
  const body: unknown = await (await response).json();
  return status === 200 ? "done" : `${status} ${Problem.parse(body).code}`;
}

const reboot = (ada: Person, proof?: { password: string }, headers: Record<string, string> = {}) =>
  codeOf(ada.call("startRun", { params, body: { op: "reboot", ...(proof === undefined ? {} : { proof }) }, headers }));

/** How many reboots there are, at work or ended. */
async function reboots(ada: Person): Promise<number> {
  const { items } = (await (await ada.call("runs", { query: "?op=reboot" })).json()) as { items: unknown[] };
  return items.length;
}

async function audited(ada: Person): Promise<string[]> {
  const { items } = (await (await ada.call("audit")).json()) as { items: unknown[] };
  return items
    .map((entry) => AuditEntry.parse(entry))
    .map(({ action, outcome, sentence }) => `${action} ${outcome}: ${sentence}`);
}

test("R49: a reboot asks for the password again, on both ways to it, and nothing starts without the right one", async () => {
  await using at = await open();
  const { ada } = at;
  const many = (proof?: { password: string }) =>
    codeOf(ada.call("startRuns", { body: { op: "reboot", hosts: ["web1", "web1"], ...(proof === undefined ? {} : { proof }) } }));
  expect(await reboot(ada)).toBe("403 second-factor-required");
  expect(await many()).toBe("403 second-factor-required");
  expect(await reboot(ada, { password: WRONG })).toBe("403 second-factor-wrong");
  expect(await many({ password: "" })).toBe("403 second-factor-wrong");
  expect(await reboots(ada)).toBe(0);
  expect(await many({ password: PASSWORD })).toBe("done");
  expect(await reboots(ada)).toBe(1);
});

test("R49: a wrong password is in the audit trail with what it was for, and without itself", async () => {
  await using at = await open();
  const { ada, dashboard } = at;
  expect(await reboot(ada, { password: WRONG })).toBe("403 second-factor-wrong");
  const entries = await audited(ada);
  expect(entries[0]).toBe("proof.give failed: ada entered a wrong password to start “Reboot” on web1.");
  expect(JSON.stringify(entries) + dashboard.lines.join()).not.toContain(WRONG);
});

test("R49: an op that asks for no proof takes none from anybody, and a proof does not stand in for a session", async () => {
  await using at = await open();
  const { ada, dashboard } = at;
  expect(await codeOf(ada.call("startRun", { params, body: { op: "refresh" } }))).toBe("done");
  const body = { op: "reboot", proof: { password: PASSWORD } };
  const address = `${dashboard.origin}/api/v1/hosts/web1/runs`;
  const anonymous = await fetch(address, {
    method: "POST",
    headers: { Origin: dashboard.origin, [CSRF_HEADER]: ada.csrf, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(anonymous.status).toBe(401);
});

test("R1: R58: the same click, tried again with the password, starts one reboot, and the password is stored nowhere", async () => {
  await using at = await open();
  const { ada, dashboard } = at;
  const headers = { "Idempotency-Key": "one-click" };
  expect(await reboot(ada, undefined, headers)).toBe("403 second-factor-required");
  expect(await reboot(ada, { password: WRONG }, headers)).toBe("403 second-factor-wrong");
  expect(await reboot(ada, { password: PASSWORD }, headers)).toBe("done");
  expect(await reboot(ada, { password: PASSWORD }, headers)).toBe("done");
  expect(await reboots(ada)).toBe(1);
  const text =
    (await ada.call("runs").then((response) => response.text())) + (await audited(ada)).join() + dashboard.lines.join();
  expect(text).not.toContain(PASSWORD);
  expect(text).not.toContain(WRONG);
});

test("R14: a reboot ends when the host is back with a new boot, and the next run starts", async () => {
  await using at = await open();
  const { ada, fleet } = at;
  const host = () => fleet.host("web1");
  const before = host().facts.boot?.id;
  expect(await reboot(ada, { password: PASSWORD })).toBe("done");
  const ended = async () => {
    for (;;) {
      const { items } = (await (await ada.call("runs")).json()) as { items: { state: string; op: string; sentence: string }[] };
      if (items[0]?.state === "succeeded" || items[0]?.state === "failed") return items[0];
    }
  };
  expect(await ended()).toMatchObject({ op: "reboot", state: "succeeded", sentence: "The host is back after the reboot." });
  const view = (await (await ada.call("host", { params })).json()) as { facts: { boot: { id: string } } };
  expect(view.facts.boot.id).not.toBe(before);
  expect(view.facts.boot.id).toBe(host().facts.boot?.id);
  await fleet.whenConnected();
  expect(await codeOf(ada.call("startRun", { params, body: { op: "refresh" } }))).toBe("done");
});
