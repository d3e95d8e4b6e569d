import type { Logger as Pino } from "pino";

/** What a part needs of the program's log: an object with the facts, then a sentence. */
export type Logger = Pick<Pino, "debug" | "info" | "warn" | "error">;
