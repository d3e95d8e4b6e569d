import { FAILURES } from "@nixfleet/protocol";
import { exec, readSettings, redact, succeeded } from "@nixfleet/runtime";
import { proxySecrets } from "../link/proxy.ts";
import { ALL_SETTING_NAMES, type DaemonSettings, daemonSettings } from "../settings.ts";
import { checkAccess } from "./check-access.ts";
import { checkDashboard } from "./check-dashboard.ts";
import { checkBootLoader, checkDirectories, checkDisks, checkSigning } from "./check-host.ts";
import { checkServices } from "./check-services.ts";
import { type Finding, fails, holds, unknown } from "./finding.ts";
import { createHostReaders, type HostReaders } from "./host-readers.ts";
import { type Environment, readSettingFile } from "./read-settings.ts";

/** Milliseconds that one look may take. */
const LIMIT = 20_000;

/** `nixfleet-agent check` (R36): a line for each thing that must hold, with a fix where it does not; 0 only if all hold. */
export async function check(env: Environment, write = (text: string) => void process.stdout.write(text)): Promise<number> {
  const read = readSettings(daemonSettings, env, readSettingFile, { alsoKnown: ALL_SETTING_NAMES });
  const secrets = [...(read.ok ? [read.settings.token] : []), ...proxySecrets(env)];
  const findings: Finding[] = [];
  const report = (finding: Finding) => {
    findings.push(finding);
    write(redact(format(finding), secrets));
  };
  if (read.ok) {
    const count = read.warnings.length;
    report(holds("configuration", count === 0 ? "every setting is valid" : `every setting is valid; ${count} unknown`));
    const host = createHostReaders(read.settings, env);
    report(await checkDirectories(host, read.settings));
    report(await checkSigning(read.settings, env));
    report(await checkDisks(host));
    const bootLoader = await checkBootLoader(host);
    if (bootLoader !== undefined) report(bootLoader);
    for (const finding of await checkDashboard(read.settings, env)) report(finding);
    report(await checkGit(host, read.settings));
    report(await checkNix(host, env));
    report(await checkServices(host));
    const access = await checkAccess(host);
    if (access !== undefined) report(access);
  } else {
    for (const { name, fault, fix } of read.faults) report(fails("configuration", `${name} ${fault}`, fix));
    for (const name of ["directories", "signing", "disk", "tls", "websocket", "token", "clock", "git", "services"]) {
      report(unknown(name, "skipped: the configuration is wrong"));
    }
    report(await checkNix(undefined, env));
  }
  for (const { name, fault, fix } of read.warnings) write(`note  ${name} ${fault}. ${fix}\n`);
  return findings.every((finding) => finding.state === "ok") ? 0 : 1;
}

function format(finding: Finding): string {
  const words = { ok: "ok   ", failed: "FAIL ", unknown: "?    " } as const;
  const line = `${words[finding.state]} ${finding.name.padEnd(14)} ${finding.detail}\n`;
  return finding.state === "failed" ? `${line}      fix: ${finding.fix}\n` : line;
}

async function checkGit({ clone }: HostReaders, { repoUrl, branch }: DaemonSettings): Promise<Finding> {
  const fault = await clone.probe(AbortSignal.timeout(3 * LIMIT));
  if (fault === undefined) return { name: "git", state: "ok", detail: `${repoUrl} has the branch ${branch}` };
  return { name: "git", state: "failed", detail: fault.reason, fix: FAILURES[fault.code].next };
}

/** Nix tells which store it asks, and warns, before it says what is wrong. */
function nixFault(stderr: string): string {
  const lines = stderr.trim().split("\n");
  return lines.find((line) => line.startsWith("error:")) ?? (lines.at(-1) || "nix failed");
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
  const detail = missing ? "nix cannot be run" : nixFault(store.stderr);
  const fix = missing
    ? "Install Nix, or put its bin directory into the agent's PATH."
    : "Check that nix-daemon runs and that this user may use it (allowed-users in nix.conf).";
  return { name: "nix", state: "failed", detail, fix };
}
