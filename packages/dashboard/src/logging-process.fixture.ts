import { once } from "node:events";
import { createLogger } from "./logger.ts";

/** Logs an entry, waits until its standard input closes, then logs more and ends at once, with 3. */
const log = createLogger("info");
log.info("up");
process.stdin.resume();
await once(process.stdin, "end");
log.info("one");
log.info("two");
process.exit(3);
