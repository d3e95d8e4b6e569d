import { parseArgs } from "node:util";
import type { DeadmanCommand } from "./commands/deadman.ts";
import { keepHeapSmall, reexecWithMemoryFlags } from "./memory-flags.ts";
import { AGENT_VERSION } from "./version.ts";

/** What `--help` says of each command: what a person uses on the host, then what service managers start. */
const PERSONS_COMMANDS = {
  status: `  status [--json]                what runs, what is armed, what waits, and how the last run ended; exit 3 if no daemon runs`,
  check: `  check                          verify all that the agent needs, with a fix for what does not hold; exit 0 if all holds`,
  deploy: `  deploy [--commit COMMIT] [--mode switch|boot|test] [--specialisation NAME | --no-specialisation] [--force]
                                 switch this host to a commit (default: the tip of the branch), as the page does: armed,
                                 confirmed, and undone if it does not hold. --force also goes back to an older commit, and
                                 takes ways into the host away. The specialisation that runs is kept unless one is named`,
  undo: `  undo [--to GENERATION] [--force]
                                 undo now what is armed; else go back to the generation before, or to the one named.
                                 --force also takes ways into the host away`,
} as const;
const SERVICE_COMMANDS = {
  run: `  run [--runner=spawn|service]   hold the link to the dashboard. A runner for each request is started by this program
                                 (spawn, the default) or by the service manager when the queue has a file (service)`,
  runner: `  runner                         do what the queue holds, then end`,
  deadman: `  deadman --run ID [--after SECONDS] | --boot
                                 undo what nobody confirmed: started by the dead-man switch's timer, and at boot`,
} as const;
const COMMANDS = new Map(Object.entries({ ...PERSONS_COMMANDS, ...SERVICE_COMMANDS }));

const RUN_EXIT_CODES =
  "Exit codes of run: 0 stopped, 1 another agent runs here or it broke, 2 a setting is wrong, 101 to be restarted.\n";
const DEPLOY_EXIT_CODES =
  "Exit codes of deploy and undo: 0 succeeded, 1 failed, cancelled or rolled back, 2 wrong usage or a wrong setting, 3 refused.\n";
const EXIT_CODES = new Map([
  ["run", RUN_EXIT_CODES],
  ["deploy", DEPLOY_EXIT_CODES],
  ["undo", DEPLOY_EXIT_CODES],
]);

const usage = `nixfleet-agent ${AGENT_VERSION}: keeps a host in touch with its fleet's dashboard

Usage: nixfleet-agent <command>

For a person on the host; all of it works with the dashboard gone:
${Object.values(PERSONS_COMMANDS).join("\n")}

For service managers:
${Object.values(SERVICE_COMMANDS).join("\n")}

  --version, --help              <command> --help is about that command alone

${RUN_EXIT_CODES}${DEPLOY_EXIT_CODES}`;

/** As `RunId`, `Commit` and `SpecialisationName` of the protocol, which is not loaded for this. */
const RUN_ID = /^[0-9a-hjkmnp-tv-z]{26}$/;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const SPECIALISATION = /^[A-Za-z0-9_][\w.+@-]{0,99}$/;
const COMMIT_FAULT = "--commit is a whole commit id of 40 or 64 hex digits, as git rev-parse prints it.";
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
    return misused(argumentFault(error as Error));
  }
  const { values, positionals } = parsed;
  if (values.version) return version();
  const [command, ...rest] = positionals;
  if (rest.length > 0) return misused(`Unexpected argument: ${rest.join(" ")}.`);
  if (values.help || command === "help") return help(command);
  for (const [name, { of, ...more }] of Object.entries(OPTIONS)) {
    const isOwn = command === of || ("also" in more && command === more.also);
    if (values[name as keyof typeof OPTIONS] !== undefined && !isOwn) return misused(`--${name} belongs to ${of}.`, of);
  }
  switch (command) {
    case "run": {
      const mode = values.runner ?? "spawn";
      if (mode !== "spawn" && mode !== "service") return misused(`--runner is spawn or service, not ${mode}.`, "run");
      reexecWithMemoryFlags();
      return (await import("./commands/run.ts")).run({ mode, env: process.env });
    }
    case "runner":
      keepHeapSmall();
      return (await import("./commands/runner.ts")).runner(process.env);
    case "deadman": {
      const asked = deadmanCommand(values);
      if (typeof asked === "string") return misused(asked, command);
      keepHeapSmall();
      return (await import("./commands/deadman.ts")).deadman(asked, process.env);
    }
    case "deploy": {
      const { commit, force = false, specialisation: named, "no-specialisation": none = false } = values;
      const mode = MODES.find((one) => one === (values.mode ?? "switch"));
      if (mode === undefined) return misused(`--mode is switch, boot or test, not ${values.mode}.`, command);
      if (commit !== undefined && !COMMIT.test(commit)) return misused(`${COMMIT_FAULT} ${commit} is none.`, command);
      if (named !== undefined && none) return misused("--specialisation and --no-specialisation exclude each other.", command);
      if (named !== undefined && !SPECIALISATION.test(named))
        return misused(`${named} cannot be the name of a specialisation.`, command);
      const specialisation = none ? null : named;
      return (await import("./commands/deploy.ts")).deploy({ commit, mode, specialisation, force }, process.env);
    }
    case "undo": {
      if (values.to !== undefined && !/^\d{1,9}$/.test(values.to))
        return misused(`--to is the number of a generation, not ${values.to}.`, command);
      const to = values.to === undefined ? undefined : Number(values.to);
      return (await import("./commands/undo.ts")).undoByHand({ to, force: values.force ?? false }, process.env);
    }
    case "check":
      letReaderLeave();
      return (await import("./commands/check.ts")).check(process.env);
    case "status":
      letReaderLeave();
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

async function help(command: string | undefined): Promise<number> {
  const about = COMMANDS.get(command ?? "");
  if (about !== undefined) {
    const codes = EXIT_CODES.get(command ?? "");
    return print(`Usage: nixfleet-agent ${about.trimStart()}\n${codes === undefined ? "" : `\n${codes}`}`);
  }
  const { settingsHelp } = await import("@nixfleet/runtime");
  const { daemonSettings } = await import("./settings.ts");
  return print(`${usage}\nSettings, from the environment:\n${settingsHelp(daemonSettings)}\n`);
}

/** A reader that has seen enough, such as head(1), changes nothing of what is done and how it ends. */
function letReaderLeave(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

function print(text: string): number {
  letReaderLeave();
  process.stdout.write(text);
  return 0;
}

/** Without the advice that parseArgs gives about arguments that begin with a dash: no command takes one. */
function argumentFault({ message }: Error): string {
  return `${message.split(/\. |\n/, 1)[0]?.replace(/\.$/, "")}.`;
}

/** Says what is wrong, and where the usage is: the whole of it would push the reason off the screen. */
function misused(reason: string, command?: string): number {
  process.stderr.write(`nixfleet-agent: ${reason}\nSee nixfleet-agent ${command === undefined ? "" : `${command} `}--help.\n`);
  return 2;
}

process.exitCode = await main(process.argv.slice(2));
