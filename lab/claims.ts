import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identifyProcess, isAlive, type ProcessIdentity, processIdentitySchema, takeLock, writeAtomic } from "@nixfleet/runtime";
import * as z from "zod";
import { type LabResources, removeResources, resourcesOf } from "./lab-resources.ts";
import { bridgeName, isRangeFree, LARGEST_NUMBER } from "./network.ts";
import type { Places } from "./places.ts";
import { raiseWatchLimit, restoreWatchLimit, type WatchLimitFiles } from "./watch-limit.ts";

/** Of the whole machine, since bridges and namespaces are; gone after a reboot, as these are. */
const CLAIMS = "/run/nixfleet-lab";

const WATCH_LIMIT: WatchLimitFiles = {
  limit: "/proc/sys/fs/inotify/max_user_instances",
  record: join(CLAIMS, "watch-limit"),
};

const claimSchema = z.object({
  owner: processIdentitySchema,
  directory: z.string(),
  programs: z.array(processIdentitySchema),
});

/** A number that one lab alone has while it lives. Whatever the lab makes carries it, so that everything can be found again. */
export interface Claim extends AsyncDisposable, LabResources {
  /** Records a program that was started outside of hosts, for whoever cleans up after a lab that was killed. */
  note(pid: number): Promise<void>;
}

/** Removes what dead labs have left on this machine, and claims a free number. */
export async function claimLab(places: Places, say: (sentence: string) => void): Promise<Claim> {
  await mkdir(CLAIMS, { recursive: true });
  await mkdir(places.labs, { recursive: true });
  await using _lock = await lockClaims();
  await removeDead();
  await removeUnclaimed(places.labs);
  const number = await freeNumber();
  const belongings = resourcesOf(number, join(places.labs, String(number)));
  const owner = identifyProcess();
  const programs: ProcessIdentity[] = [];
  const write = () => writeAtomic(fileOf(number), JSON.stringify({ owner, directory: belongings.directory, programs }));
  await write();
  await raiseWatchLimit(WATCH_LIMIT, say);
  await mkdir(belongings.directory, { recursive: true });
  return {
    ...belongings,
    async note(pid) {
      const identity = identifyProcess(pid);
      if (identity !== undefined) programs.push(identity);
      await write();
    },
    async [Symbol.asyncDispose]() {
      await removeResources(belongings, programs);
      await using _ending = await lockClaims();
      await rm(fileOf(number), { force: true });
      if ((await readClaims()).length === 0) await restoreWatchLimit(WATCH_LIMIT);
    },
  };
}

const fileOf = (number: number) => join(CLAIMS, `${number}.json`);

async function lockClaims() {
  for (;;) {
    const taken = await takeLock(join(CLAIMS, "lock"));
    if (taken.ok) return taken.lock;
    await sleep(100);
  }
}

async function removeDead(): Promise<void> {
  for (const { number, claim } of await readClaims()) {
    if (isAlive(claim.owner)) continue;
    await removeResources(resourcesOf(number, claim.directory), claim.programs);
    await rm(fileOf(number), { force: true });
  }
}

/** Directories of labs that lived before this machine's last reboot. */
async function removeUnclaimed(labs: string): Promise<void> {
  const claimed = new Set((await readClaims()).map(({ claim }) => claim.directory));
  for (const name of await readdir(labs)) {
    const directory = join(labs, name);
    if (!claimed.has(directory)) await rm(directory, { recursive: true, force: true });
  }
}

async function readClaims() {
  const names = (await readdir(CLAIMS)).filter((name) => /^\d+\.json$/.test(name));
  return Promise.all(
    names.map(async (name) => ({
      number: Number.parseInt(name, 10),
      claim: claimSchema.parse(JSON.parse(await readFile(join(CLAIMS, name), "utf8"))),
    })),
  );
}

async function freeNumber(): Promise<number> {
  for (let tried = 0; tried <= LARGEST_NUMBER; tried++) {
    const number = (process.pid + tried) % (LARGEST_NUMBER + 1);
    const isTaken = existsSync(fileOf(number)) || existsSync(`/sys/class/net/${bridgeName(number)}`);
    if (!isTaken && (await isRangeFree(number))) return number;
  }
  throw new Error("All address ranges of the lab are in use on this machine.");
}
