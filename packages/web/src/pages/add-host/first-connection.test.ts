import type { HostView } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { hostRow } from "../../dev/host-rows.ts";
import { firstConnectionOf } from "./first-connection.ts";

type Input = Parameters<typeof firstConnectionOf>[0];
const view = (change: Partial<Input> = {}, reach: HostView["row"]["reachability"]["state"] = "never"): Input => ({
  row: hostRow({ reachability: { state: reach, since: null } }),
  token: { createdAt: 0, lastUsedAt: null, lastUsedFrom: null },
  facts: {},
  lastRefusedLink: null,
  ...change,
});
const statuses = (input: Input) => firstConnectionOf(input, "fleet.example.net").checks.map(({ status }) => status);
const used = { createdAt: 0, lastUsedAt: 5, lastUsedFrom: null };

test("before the first connection every check is open", () => {
  expect(firstConnectionOf(view(), "fleet.example.net").state).toBe("waiting");
  expect(statuses(view())).toEqual(["unknown", "unknown", "unknown", "unknown"]);
});

test("a refused link proves that the dashboard is reached, and says why it was refused", () => {
  const lastRefusedLink = { at: 5, reason: "The token is not this host's." };
  const { state, checks } = firstConnectionOf(view({ lastRefusedLink }), "fleet.example.net");
  expect(state).toBe("refused");
  expect(statuses(view({ lastRefusedLink }))).toEqual(["ok", "broken", "unknown", "unknown"]);
  expect(checks[1]?.detail).toBe("The token is not this host's.");
});

test("a refusal after the token was accepted is one of the protocol", () => {
  const lastRefusedLink = { at: 6, reason: "It speaks version 9." };
  const input = view({ token: used, lastRefusedLink });
  expect(statuses(input)).toEqual(["ok", "ok", "broken", "unknown"]);
  expect(firstConnectionOf(input, "x").checks[2]?.detail).toBe("It speaks version 9.");
});

test("a connected host is in the fleet, and an earlier refusal is forgotten", () => {
  const input = view({ token: used, lastRefusedLink: { at: 1, reason: "…" } }, "online");
  expect(firstConnectionOf(input, "x").state).toBe("here");
  expect(
    firstConnectionOf(input, "x")
      .checks.slice(0, 3)
      .map(({ detail }) => detail),
  ).toEqual([null, null, null]);
  expect(statuses(input)).toEqual(["ok", "ok", "ok", "unknown"]);
});

test("the clone's check comes from facts: cloned, or the problem and how to fix it", () => {
  const commit = "7f3a91c4d2e8b6a0f1c3d5e7a9b0c2d4e6f80a1b";
  expect(statuses(view({ token: used, facts: { clone: { commit, branch: "main" } } }, "online"))[3]).toBe("ok");
  const problem = { code: "auth-failed", message: "git@git.example.net: Permission denied.", at: 1 } as const;
  const input = view({ token: used, facts: { clone: { commit: null, branch: "main", problem } } }, "online");
  expect(statuses(input)[3]).toBe("broken");
  expect(firstConnectionOf(input, "x").checks[3]?.detail).toMatch(/Permission denied\. Check sshKeyFile/);
});
