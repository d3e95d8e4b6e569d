import { parseArgs } from "node:util";
import type { DeadmanCommand } from "./commands/deadman.ts";
import { keepHeapSmall, reexecWithMemoryFlags } from "./memory-flags.ts";
import { AGENT_VERSION } from "./version.ts";

const usage = `nixfleet-agent ${AGENT_VERSION}: keeps a host in touch with its fleet's dashboard

Usage: nixfleet-agent <command>

For a person on the host; all of it works with the dashboard gone:
  status [--json]                what runs, what is armed, what waits, and how the last run ended; exit 3 if no daemon runs
  check                          verify all that the agent needs, with a fix for what does not hold; exit 0 if all holds
  deploy [--commit COMMIT] [--mode switch|boot|test] [--specialisation NAME | --no-specialisation] [--force]
                                 switch this host to a commit (default: the tip of the branch), as the page does: armed,
                                 confirmed, and undone if it does not hold. --force also goes back to an older commit, and
                                 takes ways into the host away. The specialisation that runs is kept unless one is named
  undo [--to GENERATION] [--force]
                                 undo now what is armed; else go back to the generation before, or to the one named

For service managers:
  run [--runner=spawn|service]   hold the link to the dashboard. A runner for each request is started by this program
                                 (spawn, the default) or by the service manager when the queue has a file (service)
  runner                         do what the queue holds, then end
  deadman --run ID [--after SECONDS] | --boot
                                 undo what nobody confirmed: started by the dead-man switch's timer, and at boot

  --version, --help

Exit codes of run: 0 stopped, 1 another agent runs here or it broke, 2 a setting is wrong, 101 to be restarted.
Exit codes of deploy and undo: 0 succeeded, 1 failed, cancelled or rolled back, 2 wrong usage or a wrong setting, 3 refused.
`;

/** As `RunId`, `Commit` and `SpecialisationName` of the protocol, which is not loaded for this. */
const RUN_ID = /^[0-9a-hjkmnp-tv-z]{26}$/;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const SPECIALISATION = /^[A-Za-z0-9_][\w.+@-]{0,99}$/;
const MODES = ["switch", "boot", "test"] as const;

/** Each option, and the command that has it. */
const OPTIONS = {
  runner: { type: "string", of: "run" },
  run: { type: "string", of: "deadman" },
  after: { type: "string", of: "deadman" },
  boot: { type: "boolean", of: "deadman" },
  commit: { type: "string", of: "deploy" },
  mode: { type: "string", of: "deploy" },
  specialisation: { type: "string", of: "deploy" },
  "no-specialisation": { type: "boolean", of: "deploy" },
  force: { type: "boolean", of: "deploy", also: "undo" },
  to: { type: "string", of: "undo" },
  json: { type: "boolean", of: "status" },
} as const;

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
  if (rest.length > 0) return misused(`Unexpected argument: ${rest.join(" ")}.`);
  if (values.help || command === "help") return help();
  for (const [name, { of, ...more }] of Object.entries(OPTIONS)) {
    const isOwn = command === of || ("also" in more && command === more.also);
    if (values[name as keyof typeof OPTIONS] !== undefined && !isOwn) return misused(`--${name} belongs to ${of}.`);
  }
  switch (command) {
    case "run": {
      const mode = values.runner ?? "spawn";
      if (mode !== "spawn" && mode !== "service") return misused(`--runner is spawn or service, not ${mode}.`);
      reexecWithMemoryFlags();
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
    case "deploy": {
      const { commit, force = false, specialisation: named, "no-specialisation": none = false } = values;
      const mode = MODES.find((one) => one === (values.mode ?? "switch"));
      if (mode === undefined) return misused(`--mode is switch, boot or test, not ${values.mode}.`);
      if (commit !== undefined && !COMMIT.test(commit)) return misused("--commit is a whole commit id, of 40 or 64 hex digits.");
      if (named !== undefined && (none || !SPECIALISATION.test(named))) return misused("--specialisation is the name of one.");
      const specialisation = none ? null : named;
      return (await import("./commands/deploy.ts")).deploy({ commit, mode, specialisation, force }, process.env);
    }
    case "undo": {
      if (values.to !== undefined && !/^\d{1,9}$/.test(values.to)) return misused("--to is the number of a generation.");
      const to = values.to === undefined ? undefined : Number(values.to);
      return (await import("./commands/undo.ts")).undoByHand({ to, force: values.force ?? false }, process.env);
    }
    case "check":
      return (await import("./commands/check.ts")).check(process.env);
    case "status":
      return (await import("./commands/status.ts")).status(process.env, { json: values.json ?? false });
    case undefined:
      return misused("A command is missing.");
    default:
      return misused(`Unknown command: ${command}.`);
  }
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { ...OPTIONS, version: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
}

/** What the timer or the boot asks for; a text says what is wrong with it. */
function deadmanCommand({ run, after, boot }: ReturnType<typeof parse>["values"]): DeadmanCommand | string {
  if (boot) return run === undefined && after === undefined ? { kind: "boot" } : "--boot takes no other option.";
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
