import { type Disk, machineDisk } from "@nixfleet/runtime";

/** The disk of this machine, and how many files that were opened on it are not closed yet. */
export function createCountingDisk(): { disk: Disk; leftOpen(): number } {
  let open = 0;
  const disk: Disk = {
    ...machineDisk,
    async open(path, flags, mode) {
      const file = await machineDisk.open(path, flags, mode);
      open++;
      const close = file.close.bind(file);
      return Object.assign(file, {
        close() {
          open--;
          return close();
        },
      });
    },
    openSync(path, flags, mode) {
      const fd = machineDisk.openSync(path, flags, mode);
      open++;
      return fd;
    },
    closeSync(fd) {
      machineDisk.closeSync(fd);
      open--;
    },
  };
  return { disk, leftOpen: () => open };
}
