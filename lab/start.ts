/** `make lab`: a dashboard and real hosts on this machine, until Ctrl-C. Then everything of it is gone. */
import { parseArgs } from "node:util";
import { ADMINISTRATOR, type Lab, startLab } from "./lab.ts";

const help = `Usage: node lab/start.ts [--hosts N]

Boots hosts with a systemd, a Nix store and a network of their own, and starts a dashboard that they are added to. Needs root and
Debian 12; what is missing of Debian's packages is installed. Ctrl-C ends and removes all of it.

  --hosts N   how many; 4: web1, db1 and gate with NixOS's ways, home with Home Manager's. Up to 200`;

const { values } = parseArgs({
  options: { hosts: { type: "string", default: "4" }, help: { type: "boolean", short: "h" } },
});

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());

if (values.help) {
  console.log(help);
} else {
  try {
    await start(Number(values.hosts));
  } catch (error) {
    if (!stop.signal.aborted) {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    }
  }
}

async function start(count: number): Promise<void> {
  if (!Number.isInteger(count) || count < 1 || count > 200) throw new Error("--hosts takes a number from 1 to 200.");
  await using lab = await startLab((sentence) => console.log(sentence));
  const names = hostNames(count);
  for (const name of names) {
    if (stop.signal.aborted) break;
    console.log(`Installing and booting ${name}.`);
    await lab.addHost(name, name === "home" ? { platform: "home-manager" } : {});
  }
  if (!stop.signal.aborted) {
    console.log(welcome(lab, names));
    await new Promise<void>((resolve) => stop.signal.addEventListener("abort", () => resolve(), { once: true }));
  }
  console.log("\nEnding and removing everything.");
}

/** The home is always one of them, if there is more than one. */
function hostNames(count: number): string[] {
  const named = ["web1", "home", "db1", "gate"].slice(0, count);
  const more = Array.from({ length: count - named.length }, (_, number) => `host${String(number + 1).padStart(3, "0")}`);
  return [...named, ...more];
}

function welcome({ dashboard, config, hosts }: Lab, names: readonly string[]): string {
  const lines = names.map((name) => `${name} (${hosts.get(name)?.address})`);
  return `
  NixFleet host lab

    Open      ${dashboard.origin}   from this machine
    Sign in   ${ADMINISTRATOR.name}   ${ADMINISTRATOR.password}

    Hosts     ${lines.join(", ")}
    Change    ${config.git.workTree}   (edit hosts/*/host.json, commit, push)
    Stop      Ctrl-C; then everything is gone
`;
}
