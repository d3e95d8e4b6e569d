import { parseArgs } from "node:util";
import type { DeadmanCommand } from "./commands/deadman.ts";
import { becomeSmall, keepHeapSmall } from "./small-process.ts";
import { AGENT_VERSION } from "./version.ts";

const usage = `nixfleet-agent ${AGENT_VERSION}: keeps a host in touch with its fleet's dashboard

Usage: nixfleet-agent <command>

Commands:
  run [--runner=spawn|service]   hold the link to the dashboard. A runner for each request is started by this program
                                 (spawn, the default) or by the service manager when the queue has a file (service)
  check                          verify configuration, token, TLS, WebSocket upgrade, git access and Nix; exit 0 if all hold
  status                         what runs, what waits, and how the last run ended; works with the dashboard gone
  deadman --run ID [--after SECONDS] | --boot
                                 undo what nobody confirmed: started by the dead-man switch's timer, and at boot
  --version, --help

Exit codes of run: 0 stopped, 1 another agent runs here or it broke, 2 a setting is wrong, 101 to be started anew.
`;

/** As `RunId` of the protocol, which is not loaded for this. */
const RUN_ID = /^[0-9a-hjkmnp-tv-z]{26}$/;

/** Each command is loaded by itself: what the daemon does not need, it does not carry in memory. */
async function main(argv: readonly string[]): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    return misused((error as Error).message);
  }
  const { values, positionals } = parsed;
  if (values.version) return version();
  const [command, ...rest] = positionals;
  if (rest.length > 0) return misused(`${rest.join(" ")} is too much.`);
  if (values.help || command === "help") return help();
  if (command !== "deadman" && [values.run, values.after, values.boot].some((value) => value !== undefined)) {
    return misused("--run, --after and --boot belong to deadman.");
  }
  if (values.runner !== undefined && command !== "run") return misused("--runner belongs to run.");
  switch (command) {
    case "run": {
      const mode = values.runner ?? "spawn";
      if (mode !== "spawn" && mode !== "service") return misused(`--runner is spawn or service, not ${mode}.`);
      becomeSmall();
      return (await import("./commands/run.ts")).run({ mode, env: process.env });
    }
    case "runner":
      keepHeapSmall();
      return (await import("./commands/runner.ts")).runner(process.env);
    case "deadman": {
      const asked = deadmanCommand(values);
      if (typeof asked === "string") return misused(asked);
      keepHeapSmall();
      return (await import("./commands/deadman.ts")).deadman(asked, process.env);
    }
    case "check":
      return (await import("./commands/check.ts")).check(process.env);
    case "status":
      return (await import("./commands/status.ts")).status(process.env);
    case undefined:
      return misused("A command is missing.");
    default:
      return misused(`There is no command ${command}.`);
  }
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      runner: { type: "string" },
      run: { type: "string" },
      after: { type: "string" },
      boot: { type: "boolean" },
      version: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
}

/** What the timer or the boot asks for; a text says what is wrong with it. */
function deadmanCommand({ run, after, boot }: ReturnType<typeof parse>["values"]): DeadmanCommand | string {
  if (boot) return run === undefined && after === undefined ? { kind: "boot" } : "--boot stands alone.";
  if (run === undefined || !RUN_ID.test(run)) return "deadman needs --run with a run's id, or --boot.";
  const seconds = Number(after ?? "0");
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 3600) return `--after is a number of seconds, not ${after}.`;
  return { kind: "timer", run, after: seconds };
}

async function version(): Promise<number> {
  const { BUILD_COMMIT } = await import("@nixfleet/runtime");
  return print(`${AGENT_VERSION}${BUILD_COMMIT === undefined ? "" : ` (${BUILD_COMMIT})`}\n`);
}

async function help(): Promise<number> {
  const { settingsHelp } = await import("@nixfleet/runtime");
  const { daemonSettings } = await import("./settings.ts");
  return print(`${usage}\nSettings, from the environment:\n${settingsHelp(daemonSettings)}\n`);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function misused(reason: string): number {
  process.stderr.write(`nixfleet-agent: ${reason}\n\n${usage}`);
  return 2;
}

process.exitCode = await main(process.argv.slice(2));
