import { onTestFinished } from "vitest";

/** Until the test ends, new files get the modes that they get from a service manager (umask(2): 022). */
export function setUsualUmask(): void {
  const before = process.umask(0o022);
  onTestFinished(() => void process.umask(before));
}
