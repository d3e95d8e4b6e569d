import { dirname } from "node:path";
import { Deployment } from "@nixfleet/protocol";
import { type Disk, machineDisk, readStranger, syncDirectory, writeAtomic } from "@nixfleet/runtime";

const MAX_BYTES = 1024 * 1024;
const KEPT = 500;

/** `deployments.jsonl`: every closure that this agent activated, with the commit that it was built from. */
export interface Ledger {
  /** Oldest first, at most the last 500. */
  read(): Promise<Deployment[]>;
  /** On the disk when it returns. */
  add(deployment: Deployment): Promise<void>;
}

export function createLedger(path: string, disk: Disk = machineDisk): Ledger {
  const read = async () => {
    const file = await readStranger(path, 2 * MAX_BYTES);
    if (file.kind !== "ok") return [];
    const deployments = file.bytes
      .toString("utf8")
      .split("\n")
      .flatMap((line) => parse(line) ?? []);
    return deployments.slice(-KEPT);
  };
  return {
    read,
    async add(deployment) {
      const file = await disk.open(path, "a+", 0o640);
      try {
        const { size } = await file.stat();
        if (size > MAX_BYTES) {
          const kept = [...(await read()), deployment].map((one) => `${JSON.stringify(one)}\n`);
          await writeAtomic(path, kept.join(""), { mode: 0o640, disk });
          return;
        }
        // A line that a power loss tore must not swallow this one.
        const last = Buffer.alloc(1);
        if (size > 0) await file.read(last, 0, 1, size - 1);
        const separator = size > 0 && last.toString() !== "\n" ? "\n" : "";
        await file.write(`${separator}${JSON.stringify(deployment)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await syncDirectory(dirname(path), disk);
    },
  };
}

function parse(line: string): Deployment | undefined {
  try {
    const parsed = Deployment.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined; // Empty, or torn by a power loss: the others count.
  }
}
