import { existsSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import { connect as connectPlain } from "node:net";
import { dirname } from "node:path";
import { connect as connectTls } from "node:tls";
import { FAILURES } from "@nixfleet/protocol";
import { exec, readSettings, redact, succeeded } from "@nixfleet/runtime";
import type { DialFailure } from "../link/link-socket.ts";
import { type LinkUrl, linkUrl } from "../link/link-url.ts";
import { createWsDial } from "../link/ws-dial.ts";
import { messageOf } from "../log.ts";
import { ALL_SETTING_NAMES, type DaemonSettings, daemonSettings } from "../settings.ts";
import { AGENT_VERSION } from "../version.ts";
import { createHostReaders, type HostReaders } from "./host-readers.ts";
import { type Environment, readSettingFile } from "./read-settings.ts";

/** Milliseconds that one look over the network may take. */
const LIMIT = 20_000;

export type Finding =
  | { name: string; state: "ok"; detail: string }
  | { name: string; state: "failed"; detail: string; fix: string }
  /** Could not be looked at, since something before it failed. */
  | { name: string; state: "unknown"; detail: string };

/** `nixfleet-agent check` (R36): a line for each thing that must hold, with a fix where it does not; 0 only if all hold. */
export async function check(env: Environment, write = (text: string) => void process.stdout.write(text)): Promise<number> {
  const read = readSettings(daemonSettings, env, readSettingFile, { alsoKnown: ALL_SETTING_NAMES });
  const secrets = read.ok ? [read.settings.token] : [];
  const findings: Finding[] = [];
  const tell = (finding: Finding) => {
    findings.push(finding);
    write(redact(format(finding), secrets));
  };
  if (read.ok) {
    const count = read.warnings.length;
    tell({
      name: "configuration",
      state: "ok",
      detail: count === 0 ? "every setting fits" : `every setting fits; ${count} not known`,
    });
    const host = createHostReaders(read.settings, env);
    tell(await checkDirectories(host));
    for (const finding of await checkDashboard(read.settings)) tell(finding);
    tell(await checkGit(host, read.settings));
    tell(await checkNix(host, env));
  } else {
    for (const { name, fault, fix } of read.faults)
      tell({ name: "configuration", state: "failed", detail: `${name} ${fault}`, fix });
    for (const name of ["directories", "tls", "websocket", "token", "git"]) {
      tell({ name, state: "unknown", detail: "not looked at before the configuration fits" });
    }
    tell(await checkNix(undefined, env));
  }
  for (const { name, fault, fix } of read.warnings) write(`note  ${name} ${fault}. ${fix}\n`);
  return findings.every((finding) => finding.state === "ok") ? 0 : 1;
}

function format(finding: Finding): string {
  const words = { ok: "ok   ", failed: "FAIL ", unknown: "?    " } as const;
  const line = `${words[finding.state]} ${finding.name.padEnd(14)} ${finding.detail}\n`;
  return finding.state === "failed" ? `${line}      fix: ${finding.fix}\n` : line;
}

/** Whether the directories can be written, or be made. Nothing is made: the one who checks may be another user than the agent. */
async function checkDirectories({ stateDir, runnerDir }: HostReaders): Promise<Finding> {
  for (const path of [stateDir, runnerDir]) {
    let existing = path;
    while (existing !== "/" && !existsSync(existing)) existing = dirname(existing);
    try {
      await access(existing, constants.W_OK | constants.X_OK);
    } catch (error) {
      const fix =
        "Run this as the agent's user, or set NIXFLEET_STATE_DIR and NIXFLEET_RUNNER_DIR to directories that it may write.";
      return { name: "directories", state: "failed", detail: messageOf(error), fix };
    }
  }
  return { name: "directories", state: "ok", detail: `${stateDir}, ${runnerDir}` };
}

async function checkDashboard({ url, token }: DaemonSettings): Promise<Finding[]> {
  const link = linkUrl(url);
  if (!link.ok) throw new Error(`the settings were read, and yet: ${link.fault}`);
  const tls = await checkTls(link);
  if (tls.state !== "ok") {
    const detail = "not looked at before the dashboard can be reached";
    return [tls, { name: "websocket", state: "unknown", detail }, { name: "token", state: "unknown", detail }];
  }
  return [tls, ...(await checkUpgrade(link.url, token))];
}

/** Whether a connection to the dashboard stands, with its certificate verified where the address asks for one. */
async function checkTls({ url, encrypted, loopback }: Extract<LinkUrl, { ok: true }>): Promise<Finding> {
  const { hostname, port, host } = new URL(url);
  const target = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || (encrypted ? 443 : 80)) };
  const failure = await new Promise<Error | undefined>((resolve) => {
    const isName = !/^[\d.]+$|:/.test(target.host);
    const socket = encrypted ? connectTls({ ...target, ...(isName && { servername: target.host }) }) : connectPlain(target);
    socket.setTimeout(LIMIT, () => socket.destroy(new Error(`no answer within ${LIMIT / 1000} s`)));
    socket.once(encrypted ? "secureConnect" : "connect", () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", resolve);
  });
  if (failure === undefined && encrypted)
    return { name: "tls", state: "ok", detail: `${host} has a certificate that is trusted here` };
  if (failure === undefined) {
    const detail = loopback ? "not needed on loopback" : "not used: the token can be read on the way. https:// is safer";
    return { name: "tls", state: "ok", detail };
  }
  const code = (failure as NodeJS.ErrnoException).code ?? "";
  const reached = /CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS|^ERR_SSL|^EPROTO$/.test(code);
  const fix = reached
    ? "Give the dashboard a certificate of a known authority, or name your own authority's in NODE_EXTRA_CA_CERTS. If it speaks no TLS, use http://."
    : "Check NIXFLEET_URL, this host's network and name resolution, and whether the dashboard runs.";
  return { name: "tls", state: "failed", detail: `${host}: ${failure.message || code}`, fix };
}

/** Opens the link as the daemon does, and says nothing on it. */
async function checkUpgrade(url: string, token: string): Promise<Finding[]> {
  const failure = await new Promise<DialFailure | undefined>((resolve) => {
    const dialing = createWsDial({ url, token, userAgent: `nixfleet-agent/${AGENT_VERSION} (check)` })({
      onOpen(socket) {
        clearTimeout(timer);
        socket.onClose(() => resolve(undefined));
        socket.close(1000, "check");
        setTimeout(() => socket.terminate(), 1000).unref();
      },
      onFailure(reason) {
        clearTimeout(timer);
        resolve(reason);
      },
    });
    const timer = setTimeout(() => {
      dialing.cancel();
      resolve({ kind: "timeout", detail: `The link did not open within ${LIMIT / 1000} s.` });
    }, LIMIT);
  });
  const opens: Finding = { name: "websocket", state: "ok", detail: `${url} opens` };
  if (failure === undefined) return [opens, { name: "token", state: "ok", detail: "the dashboard accepts it" }];
  if (failure.kind === "unauthorized") {
    const fix = "Rotate this host's token in the dashboard, and put the new one into the file that NIXFLEET_TOKEN_FILE names.";
    return [
      { name: "websocket", state: "ok", detail: `${url} answers` },
      { name: "token", state: "failed", detail: failure.detail, fix },
    ];
  }
  const fix = "Check the path in NIXFLEET_URL; a reverse proxy must pass on WebSocket upgrades (Connection and Upgrade headers).";
  return [
    { name: "websocket", state: "failed", detail: failure.detail, fix },
    { name: "token", state: "unknown", detail: "not looked at before the link opens" },
  ];
}

async function checkGit({ clone }: HostReaders, { repoUrl, branch }: DaemonSettings): Promise<Finding> {
  const fault = await clone.probe(AbortSignal.timeout(3 * LIMIT));
  if (fault === undefined) return { name: "git", state: "ok", detail: `${repoUrl} has the branch ${branch}` };
  return { name: "git", state: "failed", detail: fault.reason, fix: FAILURES[fault.code].next };
}

/** Whether Nix runs, and reaches its store (through its daemon, where there is one). Nothing is evaluated or built. */
async function checkNix(host: HostReaders | undefined, env: Environment): Promise<Finding> {
  const path = { PATH: env["PATH"] ?? "", ...(env["NIX_REMOTE"] !== undefined && { NIX_REMOTE: env["NIX_REMOTE"] }) };
  const store = await exec({
    argv: ["nix", "--extra-experimental-features", "nix-command", "store", "ping"],
    env: { ...path, HOME: "/var/empty", LC_ALL: "C" },
    signal: AbortSignal.timeout(LIMIT),
  }).result;
  if (succeeded(store)) {
    const version = await host?.nixVersion();
    return { name: "nix", state: "ok", detail: `Nix ${version ?? ""} reaches its store`.replace("  ", " ") };
  }
  const missing = store.end.kind === "spawn-failed";
  const detail = missing ? "nix cannot be run" : (store.stderr.trim().split("\n")[0] ?? "nix failed");
  const fix = missing
    ? "Install Nix, or put its bin directory into the agent's PATH."
    : "Check that nix-daemon runs and that this user may use it (allowed-users in nix.conf).";
  return { name: "nix", state: "failed", detail, fix };
}
