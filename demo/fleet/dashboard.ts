import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Platform } from "@nixfleet/protocol";
import { writeAtomic } from "@nixfleet/runtime";
import { type GitFixture, signIn } from "@nixfleet/testkit";
import type { Memory } from "./memory.ts";
import type { Places } from "./places.ts";

export interface DashboardSetup {
  memory: Memory;
  places: Places;
  config: GitFixture;
  /** Where people open it. */
  origin: string;
  /** Shown on every page. */
  notice?: string | undefined;
}

/** The settings of the demo's dashboard: on loopback, its administrator declared, the config repository read often. */
export function dashboardEnv({ memory, places, config, origin, notice }: DashboardSetup): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "",
    NIXFLEET_LISTEN: "127.0.0.1",
    NIXFLEET_PORT: String(memory.port),
    NIXFLEET_ORIGIN: origin,
    NIXFLEET_DATA_DIR: places.dashboard,
    NIXFLEET_REPO_URL: config.url,
    NIXFLEET_BRANCH: "main",
    NIXFLEET_ADMIN_NAME: memory.administrator.name,
    NIXFLEET_ADMIN_PASSWORD_HASH: memory.administrator.hash,
    NIXFLEET_FETCH_INTERVAL: "5",
    ...(notice === undefined ? {} : { NIXFLEET_NOTICE: notice }),
  };
}

/** Waits until the dashboard answers; ends when the signal says so. */
export async function untilHealthy(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      if ((await fetch(`${url}/health`, { signal })).ok) return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TypeError)) throw error; // fetch's way to say that nobody listens yet
    }
    await sleep(50);
  }
}

export interface NewHost {
  readonly name: string;
  readonly platform: Platform;
  readonly tokenFile: string;
}

/** Adds the hosts that have no token yet by the REST API, as the page does, and keeps the tokens, which are shown once. */
export async function addHosts(url: string, { administrator }: Memory, hosts: readonly NewHost[]): Promise<void> {
  const lacking = hosts.filter(({ tokenFile }) => !existsSync(tokenFile) || readFileSync(tokenFile, "utf8") === "");
  if (lacking.length === 0) return;
  const client = await signIn(url, administrator.name, administrator.password);
  const { items } = await client.call("hosts", {});
  const known = new Set(items.map(({ name }) => name));
  for (const { name, platform, tokenFile } of lacking) {
    // A host without a token here was added by a start that was killed before it could keep the token.
    const { token } = known.has(name)
      ? await client.call("rotateToken", { params: { host: name } })
      : await client.call("addHost", { body: { name, platform } });
    await writeAtomic(tokenFile, `${token}\n`);
  }
  await client.call("signOut", {});
}
