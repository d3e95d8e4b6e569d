import { OpName } from "@nixfleet/protocol";
import { readSettings } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { linkUrl } from "./link/link-url.ts";
import { daemonSettings, hostNameOf, stateDirsOf } from "./settings.ts";

const token = "nf_gate_0123456789012345678901234567890123456789abc";
const whole = { NIXFLEET_URL: "http://localhost:8000", NIXFLEET_TOKEN: token, NIXFLEET_REPO_URL: "/srv/config.git" };
const noFile = (path: string): string => {
  throw new Error(`no ${path}`);
};

test("R36: the dashboard's address is accepted as http, https, ws and wss, with and without a path", () => {
  const expected = "ws://fleet.example:8000/agent/link";
  for (const text of ["http://fleet.example:8000", "http://fleet.example:8000/", "ws://fleet.example:8000/agent/link"]) {
    expect(linkUrl(text), text).toMatchObject({ ok: true, url: expected, encrypted: false });
  }
  expect(linkUrl("https://fleet.example")).toMatchObject({ ok: true, url: "wss://fleet.example/agent/link", encrypted: true });
  expect(linkUrl("wss://fleet.example/below/")).toMatchObject({ ok: true, url: "wss://fleet.example/below/agent/link" });
  expect(linkUrl("HTTPS://Fleet.Example/Below")).toMatchObject({ ok: true, url: "wss://fleet.example/Below/agent/link" });
});

test.each([
  "fleet.example",
  "ftp://fleet.example",
  "https://",
  "https://me:word@fleet.example",
  "https://fleet.example/?a=b",
  "",
])("R36: %j is no address of a dashboard", (text) => expect(linkUrl(text).ok).toBe(false));

test("every fault of the settings is reported at once, each with its name and a fix", () => {
  const read = readSettings(
    daemonSettings,
    { NIXFLEET_URL: "ftp://x", NIXFLEET_BRANCH: "a..b", NIXFLEET_INTERVAL: "0", NIXFLEET_ALLOWED_OPS: "pull,format-disk" },
    noFile,
  );
  if (read.ok) throw new Error("it was accepted");
  expect(read.faults.map((fault) => fault.name).sort()).toEqual([
    "NIXFLEET_ALLOWED_OPS",
    "NIXFLEET_BRANCH",
    "NIXFLEET_INTERVAL",
    "NIXFLEET_REPO_URL",
    "NIXFLEET_TOKEN",
    "NIXFLEET_URL",
  ]);
  for (const fault of read.faults) expect(fault.fix).toMatch(/\w{3}/);
});

test.each([token, `${token}\n`, `NIXFLEET_TOKEN=${token}\n`, `NIXFLEET_TOKEN="${token}"`, `  NIXFLEET_TOKEN='${token}'  \n\n`])(
  "a token's file holds it raw or as an assignment: %j",
  (content) => {
    const { NIXFLEET_TOKEN: _, ...rest } = whole;
    const read = readSettings(daemonSettings, { ...rest, NIXFLEET_TOKEN_FILE: "/run/token" }, () => content);
    expect(read.ok && read.settings.token).toBe(token);
  },
);

test("R58: a token that does not fit is not shown in the fault", () => {
  const secret = "a secret with spaces in it";
  const read = readSettings(daemonSettings, { ...whole, NIXFLEET_TOKEN: secret }, noFile);
  expect(read.ok).toBe(false);
  expect(JSON.stringify(read)).not.toContain("secret with");
});

test("what is not set has the defaults of the module's options", () => {
  const read = readSettings(daemonSettings, whole, noFile);
  expect(read.ok && read.settings).toMatchObject({
    branch: "main",
    interval: 5,
    location: "home",
    deviceType: "desktop",
    tags: [],
    allowRewind: false,
    allowedOps: OpName.options,
    confirmTimeout: 120,
    signingRequired: false,
    healthChecks: [],
    ignoreFailedUnits: [],
    systemRoot: "",
    logLevel: "info",
  });
});

test("a host goes by its setting, else by the machine's own name", () => {
  expect(hostNameOf({ hostname: "gate" }, () => "other")).toBe("gate");
  expect(hostNameOf({ hostname: undefined }, () => "other")).toBe("other");
});

test("state is in the system's place for root, and in the user's own for others", () => {
  const unset = { stateDir: undefined, runnerDir: undefined };
  expect(stateDirsOf(unset, {}, true).stateDir).toBe("/var/lib/nixfleet-agent");
  expect(stateDirsOf(unset, { HOME: "/home/a" }, false).runnerDir).toBe("/home/a/.local/state/nixfleet-runner");
  expect(stateDirsOf(unset, { HOME: "/home/a", XDG_STATE_HOME: "/s" }, false).stateDir).toBe("/s/nixfleet-agent");
  expect(stateDirsOf({ stateDir: "/a", runnerDir: "/b" }, {}, true)).toEqual({ stateDir: "/a", runnerDir: "/b" });
});
