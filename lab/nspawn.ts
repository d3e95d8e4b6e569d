import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, open, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { groupsNamed, makeGroups } from "./control-groups.ts";
import { killAtOnce, type LabResources } from "./lab-resources.ts";
import { run } from "./machine.ts";
import type { Cable } from "./network.ts";

/** systemd-nspawn(1): with --keep-unit, it ends so when the machine wants to be restarted. */
const REBOOT_EXIT_CODE = 133;

export interface Nspawn {
  /** Starts a program as the first process of the machine. */
  start(argv: readonly [string, ...string[]]): Promise<Running>;
  /** Runs a program alone in the machine, and returns its output. */
  runOnce(argv: readonly [string, ...string[]], env: Readonly<Record<string, string>>): Promise<string>;
  /** Writes a line of the lab's own to the console's log. */
  note(sentence: string): Promise<void>;
}

/** A machine that is on. */
export interface Running {
  /** The first process of the machine, as this machine numbers it. */
  readonly leader: number;
  readonly hasEnded: boolean;
  readonly ended: Promise<"rebooted" | "off">;
  /** Ends every process of it at one moment. */
  kill(): Promise<void>;
}

export interface NspawnDeps {
  lab: LabResources;
  name: string;
  root: string;
  cable: Cable;
  shares: Readonly<Record<string, string>>;
  consoleLog: string;
}

export function createNspawn({ lab, name, root, cable, shares, consoleLog }: NspawnDeps): Nspawn {
  const machine = `${lab.prefix}${name}`;
  const base = [
    // As every host has it today. Later systemds start in no other.
    "env",
    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
    "systemd-nspawn",
    "--quiet",
    `--directory=${root}`,
    "--register=no",
    "--keep-unit",
    `--machine=${machine}`,
    `--hostname=${name}`,
    `--network-namespace-path=${cable.namespace}`,
    // Its interfaces are its own.
    "--capability=CAP_NET_ADMIN",
    "--console=pipe",
    "--kill-signal=SIGRTMIN+3",
    "--resolv-conf=off",
    "--timezone=off",
    "--link-journal=no",
    ...Object.entries(shares).map(([inside, outside]) => `--bind-ro=${outside}:${inside}`),
  ];
  /** Enters the host's own control groups before it becomes nspawn. */
  const inGroups = async (argv: readonly string[]): Promise<[string, ...string[]]> => {
    const entrances = await makeGroups(machine);
    const script = 'while [ "$1" != -- ]; do echo $$ > "$1"; shift; done; shift; exec "$@"';
    return ["/bin/sh", "-ec", script, "lab", ...entrances, "--", ...argv];
  };
  const note = (sentence: string) => appendFile(consoleLog, `-- lab: ${sentence}\n`);

  return {
    note,
    async runOnce(argv, env) {
      const settings = Object.entries(env).map(([key, value]) => `--setenv=${key}=${value}`);
      return run(await inGroups([...base, ...settings, ...argv]));
    },
    async start(argv) {
      const [program, ...args] = await inGroups([...base, ...argv]);
      const log = await open(consoleLog, "a");
      // A session of its own: a Ctrl-C at the lab's terminal is not meant for it.
      const child = spawn(program, args, { detached: true, stdio: ["ignore", log.fd, log.fd] });
      const exited = once(child, "exit") as Promise<[number | null]>;
      await log.close();
      let hasEnded = false;
      const ended = exited.then(async ([code]) => {
        hasEnded = true;
        await note(`ended with ${code}`);
        return code === REBOOT_EXIT_CODE ? ("rebooted" as const) : ("off" as const);
      });
      for (;;) {
        const leader = await findLeader(child.pid ?? 0);
        if (leader !== undefined) {
          const kill = async () => {
            await killAtOnce(groupsNamed(machine));
            await ended;
          };
          return {
            leader,
            ended,
            kill,
            get hasEnded() {
              return hasEnded;
            },
          };
        }
        if (hasEnded) throw new Error(`${name} did not start:\n${(await readFile(consoleLog, "utf8")).slice(-3000)}`);
        await sleep(10);
      }
    },
  };
}

/** The child of nspawn that is the first process of a pid namespace of its own, once it is the program that was asked for. */
async function findLeader(nspawn: number): Promise<number | undefined> {
  const children = await readProc(`/proc/${nspawn}/task/${nspawn}/children`);
  for (const pid of children.split(" ").filter(Boolean)) {
    const isFirst = /^NSpid:\t.*\t1$/m.test(await readProc(`/proc/${pid}/status`));
    if (isFirst && !(await readProc(`/proc/${pid}/cmdline`)).startsWith("systemd-nspawn")) return Number(pid);
  }
  return undefined;
}

async function readProc(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return ""; // It has ended, or is about to become what it will be.
    throw error;
  }
}
