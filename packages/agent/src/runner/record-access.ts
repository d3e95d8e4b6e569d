import { messageOf, writeAtomic } from "@nixfleet/runtime";
import { runnerLayout } from "../spool/layout.ts";
import { AccessRecord } from "../spool/shapes.ts";
import { readUntrustedJson } from "../spool/untrusted-json.ts";
import type { RunnerDeps } from "./deps.ts";

export interface RecordAccessDeps {
  platform: Pick<RunnerDeps["platform"], "readAccess">;
  config: Pick<RunnerDeps["config"], "runnerDir">;
  log: RunnerDeps["log"];
}

/**
 * Writes down what the operating system lets this process do, for `nixfleet-agent check`: whoever runs that has rights of their
 * own. Nothing depends on it, so a fault is only logged.
 */
export async function recordAccess({ platform, config, log }: RecordAccessDeps): Promise<void> {
  try {
    if (platform.readAccess === undefined) return;
    const reading = await platform.readAccess();
    const { access } = runnerLayout(config.runnerDir);
    const before = await readUntrustedJson(access, AccessRecord);
    const text = JSON.stringify(AccessRecord.parse(reading));
    if (before.kind === "ok" && JSON.stringify(before.value) === text) return;
    await writeAtomic(access, `${text}\n`, { mode: 0o640 });
  } catch (error) {
    log(`What the operating system allows could not be written down: ${messageOf(error)}`);
  }
}
