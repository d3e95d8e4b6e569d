import { open } from "node:fs/promises";
import type { Clock } from "@nixfleet/runtime";
import type { Output } from "./output.ts";

const POLL_MS = 100;

/** Follows a file that grows, until it is ended. */
export function tailFile(path: string, output: Output, clock: Clock): { end(): Promise<void> } {
  let offset = 0;
  let ended = false;
  const readOn = async () => {
    let file: Awaited<ReturnType<typeof open>>;
    try {
      file = await open(path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    try {
      const buffer = Buffer.allocUnsafe(256 * 1024);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
        if (bytesRead === 0) return;
        offset += bytesRead;
        output.write(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  };
  let wake: (() => void) | undefined;
  const following = (async () => {
    while (!ended) {
      await readOn();
      await new Promise<void>((resolve) => {
        wake = resolve;
        clock.setTimeout(resolve, POLL_MS);
      });
    }
    await readOn();
    output.end();
  })();
  return {
    async end() {
      ended = true;
      wake?.();
      await following;
    },
  };
}
