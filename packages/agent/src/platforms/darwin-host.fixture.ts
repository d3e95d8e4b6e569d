import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Exec, exec } from "@nixfleet/runtime";
import { makeClosure } from "./closures.fixture.ts";

/**
 * Behaves as `activate` of nix-darwin, as far as an activation, its end and its undo go: held against the text that nix-darwin
 * a1fa429 (18 June 2026) generates, which modules/test/real-darwin.nix prints and decision 0066 tells how to run. In its order: checks, patches, files in /etc, jobs
 * of the system, nix-daemon, and as the last step the link of what runs. All paths are below a root. Left out are the parts that
 * compare with nothing, and those of the primary user; macOS splits the words of the first line without `-S`.
 */
const ACTIVATE = `#!/usr/bin/env -S -i /bin/sh
set -e
PATH=@root@/bin:/usr/bin:/bin
systemConfig=$(cd "$(dirname "$0")" && pwd)
echo "activate $systemConfig" >> @root@/calls
@checks@
if [ "\${checkActivation:-0}" -eq 1 ]; then
  echo "ok" >&2
  exit 0
fi
for f in @root@/run/current-system/patches/*; do
  [ -e "$f" ] || break
  f=\${f#@root@/run/current-system/patches/}
  [ -e "$systemConfig/patches/$f" ] || echo "reverse $f" >> @root@/calls
done
mkdir -p @root@/etc
ln -sfn "$(readlink -f "$systemConfig/etc")" @root@/etc/static
@afterEtc@
mkdir -p @root@/Library/LaunchDaemons
for f in "$systemConfig"/Library/LaunchDaemons/*; do
  target=\${f#"$systemConfig"/Library/LaunchDaemons/}
  if ! diff "$f" "@root@/Library/LaunchDaemons/$target" > /dev/null 2>&1; then
    if test -f "@root@/Library/LaunchDaemons/$target"; then
      launchctl unload "@root@/Library/LaunchDaemons/$target" || true
    fi
    cp -f "$f" "@root@/Library/LaunchDaemons/$target"
    launchctl load -w "@root@/Library/LaunchDaemons/$target"
  fi
done
for f in @root@/run/current-system/Library/LaunchDaemons/*; do
  [ -e "$f" ] || break
  f=\${f#@root@/run/current-system/Library/LaunchDaemons/}
  if [ ! -e "$systemConfig/Library/LaunchDaemons/$f" ]; then
    launchctl unload "@root@/Library/LaunchDaemons/$f" || true
    rm -f "@root@/Library/LaunchDaemons/$f"
  fi
done
if ! diff @root@/etc/static/nix/nix.conf @root@/run/current-system/etc/nix/nix.conf > /dev/null 2>&1; then
  launchctl kill HUP system/org.nixos.nix-daemon
fi
@postActivation@
mkdir -p @root@/run
ln -sfn "$(readlink -f "$systemConfig")" @root@/run/current-system
`;

/** launchd, as far as those call it: what is loaded are files in a directory, and each call is written down. */
const LAUNCHCTL = `#!/bin/sh
echo "launchctl $*" | sed "s#@root@##g" >> @root@/calls
label() { basename "$1" .plist; }
case $1 in
  load) : > "@root@/loaded/$(label "$3")" ;;
  unload) [ -e "$2" ] && rm -f "@root@/loaded/$(label "$2")" ;;
  kill) : ;;
  print) [ -e "@root@/loaded/\${2##*/}" ] || exit 113; printf '%s = {\\n\\tstate = running\\n}\\n' "$2" ;;
  *) exit 64 ;;
esac
`;

/** dscl(1), for the one question that is asked. */
const DSCL = `#!/bin/sh
[ "$*" = ". -read /Users/ada NFSHomeDirectory" ] || exit 56
echo "NFSHomeDirectory: /Users/ada"
`;

export interface DarwinClosure {
  /** Text of its jobs, by label; those of the primary user, which this `activate` does not install. */
  jobs?: Record<string, string>;
  agents?: Record<string, string>;
  patches?: readonly string[];
  nixConf?: string;
  /** Shell commands among its checks, after its files in /etc, and after everything but the last link. */
  checks?: string;
  afterEtc?: string;
  postActivation?: string;
}

/** A Mac below a root: its nix-darwin closures, its launchd, and what was called. */
export interface DarwinHost {
  readonly root: string;
  /** Runs the programs that the platform names by their own paths, if this host has them. */
  readonly exec: Exec;
  make(name: string, closure?: DarwinClosure): Promise<string>;
  /** Calls since the last time that they were asked for. */
  calls(): Promise<string[]>;
  loaded(): Promise<string[]>;
  installed(): Promise<string[]>;
}

export async function createDarwinHost(root: string): Promise<DarwinHost> {
  const here = (text: string) => text.replaceAll("@root@", root);
  for (const directory of ["bin", "loaded", "run"]) await mkdir(join(root, directory));
  await writeFile(join(root, "bin/launchctl"), here(LAUNCHCTL), { mode: 0o755 });
  await writeFile(join(root, "bin/dscl"), DSCL, { mode: 0o755 });
  let seen = 0;
  return {
    root,
    exec: (request) => {
      const [program, ...words] = request.argv;
      const own = ["/bin/launchctl", "/usr/bin/dscl"].includes(program) ? join(root, "bin", basename(program)) : program;
      return exec({ ...request, argv: [own, ...words] });
    },
    make(name, { jobs = {}, agents = {}, patches = [], nixConf = "", checks = ":", afterEtc = ":", postActivation = ":" } = {}) {
      const text = { checks, afterEtc, postActivation };
      return makeClosure(root, name, {
        activate: here(ACTIVATE).replace(/@(checks|afterEtc|postActivation)@/g, (_, at: keyof typeof text) => text[at]),
        "etc/nix/nix.conf": nixConf,
        ...Object.fromEntries(patches.map((patch) => [`patches/${patch}`, patch])),
        ...Object.fromEntries(Object.entries(agents).map(([label, job]) => [`user/Library/LaunchAgents/${label}.plist`, job])),
        ...Object.fromEntries(Object.entries(jobs).map(([label, job]) => [`Library/LaunchDaemons/${label}.plist`, job])),
      });
    },
    async calls() {
      const lines = (await readFile(join(root, "calls"), "utf8").catch(() => "")).trimEnd().split("\n");
      const since = lines.slice(seen).filter((line) => !line.startsWith("launchctl print "));
      seen = lines.length;
      return since;
    },
    loaded: async () => (await readdir(join(root, "loaded"))).sort(),
    installed: async () => (await readdir(join(root, "Library/LaunchDaemons"))).sort(),
  };
}
