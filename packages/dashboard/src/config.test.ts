import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

const none = (path: string): string => {
  throw new Error(`ENOENT: no such file or directory, open '${path}'`);
};
const hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

test("without any setting the dashboard listens to this machine only, and has no config repository", () => {
  const read = readConfig({}, none);
  expect(read).toMatchObject({
    ok: true,
    warnings: [],
    settings: {
      listen: "127.0.0.1",
      port: 8000,
      branch: "main",
      adminName: "admin",
      fetchInterval: 60,
      logKeepBytes: 10 * 1024 ** 3,
    },
  });
  expect(read.ok && read.settings.origin).toBe(undefined);
  expect(read.ok && read.settings.repoUrl).toBe(undefined);
});

test("every fault is told at once, each with its name and a fix, and none repeats a secret", () => {
  const read = readConfig(
    {
      NIXFLEET_LISTEN: "everywhere",
      NIXFLEET_PORT: "80000",
      NIXFLEET_ORIGIN: "fleet.example.org",
      NIXFLEET_REPO_URL: "ext::sh -c touch% /tmp/x",
      NIXFLEET_BRANCH: "-main",
      NIXFLEET_SSH_KEY_FILE: "/nowhere/key",
      NIXFLEET_KNOWN_HOSTS_FILE: "known_hosts",
      NIXFLEET_ADMIN_PASSWORD_HASH: "hunter2hunter2",
      NIXFLEET_FETCH_INTERVAL: "often",
      NIXFLEET_TRUSTED_PROXIES: "10.0.0.0/33, proxy.example",
      NIXFLEET_LOG_LEVEL: "loud",
      NIXFLEET_NOTICE_FILE: "/nowhere/notice",
      NIXFLEET_PROT: "8000",
    },
    none,
  );
  if (read.ok) throw new Error("it was accepted");
  expect(read.faults.map(({ name }) => name).sort()).toEqual([
    "NIXFLEET_ADMIN_PASSWORD_HASH",
    "NIXFLEET_BRANCH",
    "NIXFLEET_FETCH_INTERVAL",
    "NIXFLEET_KNOWN_HOSTS_FILE",
    "NIXFLEET_LISTEN",
    "NIXFLEET_LOG_LEVEL",
    "NIXFLEET_NOTICE_FILE",
    "NIXFLEET_ORIGIN",
    "NIXFLEET_PORT",
    "NIXFLEET_REPO_URL",
    "NIXFLEET_SSH_KEY_FILE",
    "NIXFLEET_TRUSTED_PROXIES",
  ]);
  for (const { name, fault, fix } of read.faults)
    expect({ name, fault: fault !== "", fix: fix !== "" }).toEqual({ name, fault: true, fix: true });
  expect(read.warnings).toMatchObject([{ name: "NIXFLEET_PROT", fix: "Did you mean NIXFLEET_PORT?" }]);
  expect(JSON.stringify(read)).not.toContain("hunter2");
});

test("an origin is what browsers send: without a path, default ports left out", () => {
  const origin = (text: string) => {
    const read = readConfig({ NIXFLEET_ORIGIN: text }, none);
    return read.ok ? read.settings.origin : "refused";
  };
  expect(origin("https://Fleet.example.org:443/")).toBe("https://fleet.example.org");
  expect(origin("http://fleet:8080")).toBe("http://fleet:8080");
  for (const text of ["https://fleet.example.org/nixfleet", "ftp://fleet", "https://me:secret@fleet", "fleet:8000"]) {
    expect(origin(text), text).toBe("refused");
  }
});

test("the administrator's hash may come from a file, as Docker and systemd give secrets", () => {
  const read = readConfig({ NIXFLEET_ADMIN_PASSWORD_HASH_FILE: "/run/secrets/hash" }, () => `${hash}\n`);
  expect(read.ok && read.settings.adminPasswordHash).toBe(hash);
});

test("trusted proxies are addresses and networks of both families", () => {
  const read = readConfig({ NIXFLEET_TRUSTED_PROXIES: "127.0.0.1, 10.0.0.0/8 fd00::/8" }, none);
  const proxies = read.ok ? read.settings.trustedProxies : undefined;
  expect(["127.0.0.1", "10.9.9.9", "11.0.0.1"].map((address) => proxies?.check(address, "ipv4"))).toEqual([true, true, false]);
  expect(["fd12::1", "2001:db8::1"].map((address) => proxies?.check(address, "ipv6"))).toEqual([true, false]);
});
