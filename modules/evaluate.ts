import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Platform } from "@nixfleet/protocol";

/** What a host's own configuration says, as JSON. */
export interface ModuleRequest {
  /** Values of `services.nixfleet-agent`. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** More of them: absolute paths that are given as paths of the Nix language. */
  readonly paths?: Readonly<Record<string, string>>;
  /** Values of other options of the host, such as `nix.package`. */
  readonly host?: Readonly<Record<string, unknown>>;
  /** For Home Manager on macOS. */
  readonly isDarwin?: boolean;
  /** The folder whose `bin/nixfleet-agent` is the agent; by default one in the store that is not there. */
  readonly package?: string;
  /** The folder whose `bin` holds git, Nix and all other programs; by default each is a store path that is not there. */
  readonly packagesAt?: string;
}

/** What a module makes of it. */
export interface Evaluated {
  /** Sentences of the assertions that do not hold. Where there is one, nothing is installed. */
  readonly failed: readonly string[];
  /** Units or jobs, by file name. */
  readonly files: Readonly<Record<string, string>>;
  /** Files that these name, and that are made with them, by their store path. */
  readonly made: Readonly<Record<string, string>>;
  /** What else is set on the host: users, directories, scripts. */
  readonly also: Readonly<Record<string, unknown>>;
}

const run = promisify(execFile);
const folder = import.meta.dirname;

/**
 * Evaluates one of the modules with the tests' own `lib` and surroundings (test/). What it makes is put into a Nix store of its
 * own below `directory`. Throws with Nix's own words when the settings do not evaluate.
 */
export async function evaluateModule(directory: string, platform: Platform, request: ModuleRequest): Promise<Evaluated> {
  const result = await instantiate(directory, [
    ...["--eval", "--strict", "--json", "--read-write-mode", join(folder, "test/evaluate.nix")],
    ...["--argstr", "platform", platform, "--argstr", "request", JSON.stringify(request)],
  ]);
  const { failed, files = {}, also = {} } = JSON.parse(result) as Partial<Evaluated> & Pick<Evaluated, "failed">;
  return { failed, files, also, made: await madeFiles(directory, JSON.stringify({ files, also })) };
}

/** Runs `nix-instantiate` offline, with a store of its own below `directory`. Returns what it prints. */
export async function instantiate(directory: string, args: readonly string[]): Promise<string> {
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: join(directory, "home"),
    NIX_REMOTE: join(directory, "root"),
    NIX_CONFIG: "build-users-group =\nsubstituters =\nsandbox = false",
    NIX_CONF_DIR: join(directory, "none"),
    NIX_USER_CONF_FILES: join(directory, "none"),
  };
  const { stdout } = await run("nix-instantiate", [...args], { env, maxBuffer: 64 * 1024 * 1024, cwd: resolve(folder, "..") });
  return stdout;
}

/** Store paths that a text names and that are files of this evaluation, with those that they name themselves. */
async function madeFiles(directory: string, text: string): Promise<Record<string, string>> {
  const made: Record<string, string> = {};
  const seen = new Set<string>();
  const look = async (searched: string): Promise<void> => {
    for (const [path] of searched.matchAll(/\/nix\/store\/[0-9a-df-np-sv-z]{32}-[\w.+-]+/g)) {
      if (seen.has(path)) continue;
      seen.add(path);
      const content = await readFile(join(directory, "root", path), "utf8").catch(() => undefined); // A program, not a file.
      if (content === undefined) continue;
      made[path] = content;
      await look(content);
    }
  };
  await look(text);
  return made;
}
