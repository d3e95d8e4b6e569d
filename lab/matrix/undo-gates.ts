/** On the host, below /var, so that it outlives a boot. While a file is there, what is named after it waits. */
export const HOLD = "/var/lib/lab/hold";

/** Shell text for the activation of a closure: by a switch or an undo it waits here, at a boot it does not. */
export const UNDO_GATE = `if [ -d /run/systemd/system ]; then ${waitFor("undo")}; fi\n`;

/** Before the boot's own unit begins an undo, or continues one. */
export const BOOT_UNDO_GATE = waitFor("boot-undo");

function waitFor(name: string): string {
  return `while [ -e ${HOLD}/${name} ]; do touch ${HOLD}/at-${name}; sleep 0.1; done`;
}
