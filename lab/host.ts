import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describeEnd, type ExecEnd, exec, succeeded } from "@nixfleet/runtime";
import { bootEntry } from "./boot-loader.ts";
import type { LabResources } from "./lab-resources.ts";
import { run } from "./machine.ts";
import type { BadNetwork, Cable } from "./network.ts";
import { createNspawn, type Running } from "./nspawn.ts";

/** As on NixOS, and behind it what Debian has. */
const PATH =
  "/run/wrappers/bin:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface HostOptions {
  name: string;
  /** `closure`: boots the closure that the boot loader's default entry names. `debian`: boots Debian's own systemd. */
  boots: "closure" | "debian";
  /** Directories on a small disk of their own, with its size in MiB: those can be filled. */
  smallDisks?: Readonly<Record<string, number>>;
  /** Places on this machine that the host sees, to be read only: by the host's own path. */
  shares?: Readonly<Record<string, string>>;
}

export interface CommandOptions {
  user?: string;
  stdin?: string;
  env?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A machine with a systemd, a Nix store and a network of its own. */
export interface Host {
  readonly name: string;
  readonly address: string;
  /** How often it was booted. */
  readonly boots: number;
  readonly isRunning: boolean;
  /** What it wrote to its console, over all boots. */
  console(): Promise<string>;
  /** Runs a program in the running host, whatever its exit code. No shell reads the arguments. */
  exec(argv: readonly [string, ...string[]], options?: CommandOptions): Promise<CommandResult>;
  /** Runs a program in the running host and returns its output; throws with its words when it fails. */
  run(...argv: [string, ...string[]]): Promise<string>;
  /** Runs a program in the host's files while it is off, with its network and nothing else of it running. */
  runOffline(argv: readonly [string, ...string[]]): Promise<string>;
  readFile(path: string): Promise<string>;
  /** Writes a file as root, with its directory. Mode 0600, if nothing else is said. */
  writeFile(path: string, content: string, mode?: number): Promise<void>;
  /** Switches it on, and resolves when systemd has started all that it had to. */
  boot(): Promise<void>;
  /** Resolves when it has been booted that often, also by itself: a host that reboots starts again without being asked. */
  untilBooted(boots: number): Promise<void>;
  /** `systemctl reboot`, and up again. */
  reboot(): Promise<void>;
  /** `systemctl poweroff`. */
  shutDown(): Promise<void>;
  /**
   * All its processes are gone at once. Its disk is as the kernel had it: what was written and not flushed is not lost, since
   * the machine below lives on.
   */
  powerLoss(): Promise<void>;
  /** Takes all free space of a small disk. */
  fillDisk(path: string): Promise<void>;
  freeDisk(path: string): Promise<void>;
  cutNetwork(): Promise<void>;
  repairNetwork(): Promise<void>;
  worsenNetwork(bad: BadNetwork | undefined): Promise<void>;
  /** What a unit logged, or everybody. */
  journal(unit?: string): Promise<string>;
  unitState(unit: string): Promise<string>;
  /** Resolves when the unit is in that state (active, inactive, failed, …). */
  untilUnit(unit: string, state?: string): Promise<void>;
}

export interface HostDeps {
  lab: LabResources;
  cable: Cable;
  /** The root file system that the host is overlaid on. */
  rootFilesystem: string;
}

/** Makes the host's disk. It is off. */
export async function createHost({ lab, cable, rootFilesystem }: HostDeps, options: HostOptions): Promise<Host> {
  const { name, boots: system, smallDisks = {}, shares = {} } = options;
  const directory = join(lab.directory, "hosts", name);
  const root = join(directory, "root");
  const at = (path: string) => join(directory, path);
  for (const path of ["upper", "work", "root"]) await mkdir(at(path), { recursive: true });
  // Without flushes: what a host writes is safe as long as the machine below lives, and that is as long as the lab does.
  const layers = `volatile,lowerdir=${rootFilesystem},upperdir=${at("upper")},workdir=${at("work")}`;
  await run(["mount", "-t", "overlay", "overlay", "-o", layers, root]);
  await writeFile(join(root, "etc/hostname"), `${name}\n`);
  await writeFile(join(root, "etc/machine-id"), `${randomBytes(16).toString("hex")}\n`);
  await writeFile(join(root, "etc/hosts"), `127.0.0.1 localhost\n::1 localhost\n127.0.1.1 ${name}\n`);
  if (system === "closure") {
    await writeFile(join(root, "etc/NIXOS"), "");
    await rm(join(root, "etc/systemd/system"), { recursive: true });
    await symlink("/etc/static/systemd/system", join(root, "etc/systemd/system"));
  }
  for (const [path, size] of Object.entries(smallDisks)) {
    await mkdir(join(root, path), { recursive: true });
    await run(["mount", "-t", "tmpfs", "-o", `size=${size}m,mode=0755`, "tmpfs", join(root, path)]);
  }

  const nspawn = createNspawn({ lab, name, root, cable, shares, consoleLog: at("console.log") });
  let running: Running | undefined;
  let boots = 0;
  let starting: Promise<void> | undefined;
  const watchers = new Set<() => void>();

  const start = async () => {
    const init = system === "closure" ? await bootEntry(root) : "/lib/systemd/systemd";
    const machine = await nspawn.start([init]);
    running = machine;
    void machine.ended.then((how) => {
      if (running === machine) running = undefined;
      // A machine that was told to reboot does so without the lab's doing.
      if (how === "rebooted") starting = start().catch((error: unknown) => nspawn.note(`did not come up: ${String(error)}`));
      for (const watcher of watchers) watcher();
    });
    await untilStarted(machine);
    boots++;
    for (const watcher of watchers) watcher();
  };

  /** systemctl(1): `is-system-running --wait` returns when the boot is over. Before systemd listens, it fails at once. */
  const untilStarted = async (machine: Running) => {
    const limit = Date.now() + 120_000;
    while (!machine.hasEnded && Date.now() < limit) {
      const result = await inside(machine, ["systemctl", "is-system-running", "--wait"], {});
      if (/^(running|degraded|maintenance)/.test(result.stdout)) return;
      await sleep(20);
    }
    const what = machine.hasEnded ? "ended while it booted" : "does not come up";
    throw new Error(`${name} ${what}:\n${(await host.console()).slice(-3000)}`);
  };

  const inside = async (
    machine: Running,
    argv: readonly [string, ...string[]],
    command: CommandOptions,
  ): Promise<CommandResult> => {
    const { user, stdin, env = {}, signal } = command;
    const asUser = user === undefined ? [] : ["runuser", "-u", user, "--", "env", ...(await userEnvironment(machine, user))];
    const result = await exec({
      argv: ["nsenter", "--all", `--target=${machine.leader}`, "--", ...asUser, ...argv],
      env: { PATH, HOME: "/root", LC_ALL: "C.UTF-8", ...env },
      captureBytes: 64 * 1024 * 1024,
      ...(stdin !== undefined && { stdin }),
      ...(signal !== undefined && { signal }),
    }).result;
    return { exitCode: exitCodeOf(result.end), stdout: result.stdout, stderr: result.stderr };
  };

  const userEnvironment = async (machine: Running, user: string) => {
    const id = (await inside(machine, ["id", "-u", user], {})).stdout.trim();
    const runtime = `/run/user/${id}`;
    return [
      `HOME=/home/${user}`,
      `USER=${user}`,
      `XDG_RUNTIME_DIR=${runtime}`,
      `DBUS_SESSION_BUS_ADDRESS=unix:path=${runtime}/bus`,
    ];
  };

  const until = async (what: string, holds: () => boolean | Promise<boolean>) => {
    const limit = Date.now() + 120_000;
    for (;;) {
      if (await holds()) return;
      if (Date.now() > limit) throw new Error(`${name}: ${what} did not come about.\n${(await host.console()).slice(-2000)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        const watcher = () => {
          clearTimeout(timer);
          watchers.delete(watcher);
          resolve();
        };
        watchers.add(watcher);
      });
    }
  };

  const onSmallDisk = (path: string) => {
    if (!(path in smallDisks)) throw new Error(`${path} of ${name} is on no disk of its own: name it in smallDisks.`);
    return join(root, path, ".filler");
  };

  const host: Host = {
    name,
    address: cable.address,
    get boots() {
      return boots;
    },
    get isRunning() {
      return running !== undefined;
    },
    console: () => readFile(at("console.log"), "utf8"),
    async exec(argv, command = {}) {
      if (running === undefined) throw new Error(`${name} is off.`);
      return inside(running, argv, command);
    },
    async run(...argv) {
      const { exitCode, stdout, stderr } = await host.exec(argv);
      if (exitCode === 0) return stdout.trimEnd();
      throw new Error(`${name}: ${argv.join(" ")}: exit code ${exitCode}\n${stdout}\n${stderr}`);
    },
    async runOffline(argv) {
      if (running !== undefined) throw new Error(`${name} is on.`);
      return nspawn.runOnce(argv, { PATH, HOME: "/root", LC_ALL: "C.UTF-8" });
    },
    readFile: (path) => host.run("cat", path),
    async writeFile(path, content, mode = 0o600) {
      const script = 'mkdir -p "$(dirname "$1")" && umask 077 && cat > "$1" && chmod "$2" "$1"';
      const argv = ["sh", "-c", script, "write", path, mode.toString(8)] as const;
      if (running === undefined) {
        const result = await exec({ argv: ["chroot", root, ...argv], env: { PATH }, stdin: content }).result;
        if (!succeeded(result)) throw new Error(`${name}: ${path}: ${describeEnd(result.end)} ${result.stderr}`);
      } else {
        const result = await inside(running, [...argv], { stdin: content });
        if (result.exitCode !== 0) throw new Error(`${name}: ${path}: ${result.stderr}`);
      }
    },
    async boot() {
      if (running !== undefined) throw new Error(`${name} is on already.`);
      starting = start();
      await starting;
    },
    untilBooted: (number) => until(`boot ${number}`, () => boots >= number),
    async reboot() {
      const next = boots + 1;
      await host.exec(["systemctl", "reboot"]);
      await host.untilBooted(next);
    },
    async shutDown() {
      await host.exec(["systemctl", "poweroff"]);
      await until("power off", () => running === undefined);
    },
    async powerLoss() {
      await running?.kill();
      await until("power loss", () => running === undefined);
    },
    async fillDisk(path) {
      const filler = onSmallDisk(path);
      // In large pieces first, then in such as the last page takes; again while programs on the host free what they held.
      const script = `for round in 1 2 3 4 5 6 7 8 9 10; do
          for size in 64k 4k 1; do dd if=/dev/zero bs=$size count=100000 >> "$1" 2> /dev/null; done
          sleep 0.1
          dd if=/dev/zero of="$1.probe" bs=4k count=1 2> /dev/null || { rm -f "$1.probe"; exit 0; }
          rm "$1.probe"
        done
        echo "Something on the host goes on to free space." >&2
        exit 1`;
      await run(["sh", "-c", script, "fill", filler]);
    },
    async freeDisk(path) {
      await rm(onSmallDisk(path), { force: true });
    },
    cutNetwork: () => cable.cut(),
    repairNetwork: () => cable.repair(),
    worsenNetwork: (bad) => cable.worsen(bad),
    journal: (unit) =>
      host.run("journalctl", "--no-pager", "--output=short-precise", ...(unit === undefined ? [] : [`--unit=${unit}`])),
    unitState: async (unit) => (await host.run("systemctl", "show", "--property=ActiveState", "--value", unit)).trim(),
    async untilUnit(unit, state = "active") {
      const limit = Date.now() + 60_000;
      while ((await host.unitState(unit)) !== state) {
        if (Date.now() > limit) throw new Error(`${unit} on ${name} is not ${state}:\n${await host.journal(unit)}`);
        await sleep(50);
      }
    },
  };
  return host;
}

function exitCodeOf(end: ExecEnd): number {
  if (end.kind === "exited") return end.exitCode;
  if (end.kind === "signalled") return 128;
  throw new Error(end.message);
}
