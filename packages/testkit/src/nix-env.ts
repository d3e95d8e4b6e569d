import { mkdir } from "node:fs/promises";
import { join } from "node:path";

/**
 * Settings with which Nix works offline, without root, build users or a sandbox, as nix.conf(5) names them. An empty
 * `substituters` keeps it from looking for a network.
 */
export const offlineNixConfig = [
  "experimental-features = nix-command flakes",
  "sandbox = false",
  "build-users-group =",
  "substituters =",
  "max-jobs = 4",
  "warn-dirty = false",
  "fsync-metadata = false", // nothing here outlives a power loss
].join("\n");

export interface NixEnv {
  /** What every Nix command of this store must find in its environment, PATH included. */
  readonly env: Record<string, string>;
  readonly storeDir: string;
}

/**
 * A Nix store of its own below `directory`: nothing is shared with the machine's store, its daemon or its configuration, so
 * it needs no root and vanishes with the directory. Store paths begin with `storeDir`, not with /nix/store.
 */
export async function createNixEnv(directory: string, path = process.env.PATH ?? ""): Promise<NixEnv> {
  const at = (...parts: string[]) => join(directory, ...parts);
  const env = {
    PATH: path,
    HOME: at("home"),
    XDG_CACHE_HOME: at("cache"),
    NIX_REMOTE: "local", // never the daemon's socket
    NIX_CONFIG: offlineNixConfig,
    NIX_CONF_DIR: at("conf"),
    NIX_USER_CONF_FILES: at("conf", "none"),
    NIX_STORE_DIR: at("store"),
    NIX_STATE_DIR: at("state"),
    NIX_LOG_DIR: at("log"),
    NIX_LOCALSTATE_DIR: at("var"),
  };
  await Promise.all([env.HOME, env.XDG_CACHE_HOME, env.NIX_CONF_DIR].map((folder) => mkdir(folder, { recursive: true })));
  return { env, storeDir: env.NIX_STORE_DIR };
}
