import { lstat } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import { runnerLayout } from "../spool/layout.ts";

/**
 * Paths on which the slowly read facts hang: what runs, what was booted, the profiles, the clone, what is armed. A look at them costs a few
 * microseconds, so the facts themselves are read only when one of these has changed.
 */
export function watchedPaths(
  { systemRoot, runnerDir }: { systemRoot: string; runnerDir: string },
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const state = env["XDG_STATE_HOME"] ?? join(env["HOME"] ?? homedir(), ".local/state");
  const { clone, cloneState, deployments, deadman } = runnerLayout(runnerDir);
  return [
    join(systemRoot, "/run/current-system"),
    join(systemRoot, "/run/booted-system"),
    join(systemRoot, "/nix/var/nix/profiles"),
    join(systemRoot, "/nix/var/nix/profiles/per-user", userInfo().username),
    join(state, "nix/profiles"),
    join(state, "home-manager/gcroots/current-home"),
    join(clone, ".git/HEAD"),
    cloneState,
    deployments,
    deadman,
  ];
}

/** A text that changes when one of the paths is made, removed, replaced or written. */
export async function fingerprint(paths: readonly string[]): Promise<string> {
  const marks = await Promise.all(
    paths.map(async (path) => {
      try {
        const { ino, mtimeMs, size } = await lstat(path);
        return `${ino}:${mtimeMs}:${size}`;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? "unreadable"; // Its absence is a state like any other.
      }
    }),
  );
  return marks.join(" ");
}
