import { join } from "node:path";
import type { Facts } from "@nixfleet/protocol";
import { LARGEST_FLAKE_LOCK } from "@nixfleet/runtime";
import { runnerLayout } from "../spool/layout.ts";
import { CloneState } from "../spool/shapes.ts";
import { readUntrustedJson } from "../spool/untrusted-json.ts";
import type { Clone } from "./clone.ts";
import { readLockFile } from "./lock-file.ts";
import { listTestScripts } from "./test-scripts.ts";

export type CloneFacts = Pick<Facts, "clone"> & Partial<Pick<Facts, "lock" | "tests">>;

export interface CloneFactsDeps {
  clone: Clone;
  runnerDir: string;
  branch: string;
  /** Folder of the flake within the repository; empty: its root. */
  flakeDir: string;
  hostname: string;
  now: () => number;
}

/** What the clone says: its commit, its lock file, the host's tests. Without a commit there is neither lock file nor test. */
export async function readCloneFacts({ clone, runnerDir, branch, flakeDir, hostname, now }: CloneFactsDeps): Promise<CloneFacts> {
  const layout = runnerLayout(runnerDir);
  const commit = await clone.head();
  const read = await readUntrustedJson(layout.cloneState, CloneState);
  const { fetchedAt, problem } = read.kind === "ok" ? read.value : { fetchedAt: null, problem: null };
  const facts: CloneFacts = {
    clone: { commit, branch, ...(fetchedAt === null ? {} : { fetchedAt }), ...(problem === null ? {} : { problem }) },
  };
  if (commit === null) return facts;
  const scripts = await listTestScripts({ clone: layout.clone, flakeDir }, hostname);
  return {
    ...facts,
    lock: readLockFile(await clone.readFile(join(flakeDir, "flake.lock"), LARGEST_FLAKE_LOCK), now()),
    tests: { defined: scripts.length },
  };
}
