import * as z from "zod";
import { HostId, RunId } from "./ids.ts";
import {
  AuditEntry,
  ChangesView,
  GenerationView,
  HostRow,
  HostView,
  NumberedLine,
  RunSummary,
  RunView,
  ServerInfo,
  SourceView,
} from "./views.ts";

export const LIVE_PATH = "/live";
export const LIVE_SUBPROTOCOL = "nixfleet.live.v1";

/**
 * A topic is a map of keys to values, held by the server and copied by the browser: a snapshot gives all, a delta sets and unsets
 * keys and carries the next version. Keys by topic:
 *
 * - `fleet`: `host:<id>` a HostRow, `run:<id>` a RunSummary of an active or waiting run, `source:<id>` a SourceView
 *   of each declared source, `server`
 * - `host:<id>`: `host` a HostView, `changes` a ChangesView, `generations` a list of GenerationView, `run:<id>` a RunSummary of its newest 50 runs
 * - `run:<id>`: `run` a RunView. Its log comes beside it, as `log` messages.
 * - `activity`: `entry:<seq>` an AuditEntry of the newest 200
 */
export type Topic = "fleet" | "activity" | `host:${string}` | `run:${string}`;

export const TopicName = z.union([
  z.enum(["fleet", "activity"]),
  z.templateLiteral(["host:", HostId]),
  z.templateLiteral(["run:", RunId]),
]);

/** The schema of a value by the part of its key before the colon. */
export const TOPIC_VALUES = {
  fleet: { host: HostRow, run: RunSummary, source: SourceView, server: ServerInfo },
  host: { host: HostView, changes: ChangesView, generations: z.array(GenerationView), run: RunSummary },
  run: { run: RunView },
  activity: { entry: AuditEntry },
} as const satisfies Record<string, Record<string, z.ZodType>>;

type Schemas = typeof TOPIC_VALUES;
/** The part of a name before its colon, or the whole name. */
type Head<Name extends string> = Name extends `${infer Before}:${string}` ? Before : Name;
type SchemasOf<T extends Topic> = Schemas[Head<T> & keyof Schemas];

/** The part of a topic's keys before the colon. */
export type TopicKeyHead<T extends Topic> = T extends Topic ? keyof SchemasOf<T> & string : never;
/** A key of a topic: `server`, `host:<id>`. */
export type TopicKey<T extends Topic> = TopicKeyHead<T> | `${TopicKeyHead<T>}:${string}`;
/** What a topic has under a key. */
export type TopicValue<T extends Topic, Key extends TopicKey<T>> = SchemasOf<T>[Head<Key> &
  keyof SchemasOf<T>] extends infer S extends z.ZodType
  ? z.output<S>
  : never;

/** The schema of what a topic has under a key; undefined: it has no such key. */
export function topicValueSchema(topic: string, key: string): z.ZodType | undefined {
  return new Map<string, z.ZodType>(Object.entries(SCHEMAS.get(headOf(topic)) ?? {})).get(headOf(key));
}

const SCHEMAS = new Map<string, Record<string, z.ZodType>>(Object.entries(TOPIC_VALUES));

function headOf(name: string): string {
  return name.replace(/:.*/s, "");
}

export const FromBrowser = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("subscribe"),
    topic: TopicName,
    fromLine: z.number().int().min(1).optional().describe("For run:<id>: first line of the log that is wanted; absent: no log"),
  }),
  z.object({ type: z.literal("unsubscribe"), topic: TopicName }),
]);
export type FromBrowser = z.infer<typeof FromBrowser>;

const version = z.number().int().min(1);
const values = z.record(z.string(), z.unknown());

export const ToBrowser = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("hello"),
    serverTime: z.number(),
    version: z.string().describe("The dashboard's: another one than before means reload"),
  }),
  z.object({ type: z.literal("snapshot"), topic: z.string(), version, values }),
  z
    .object({ type: z.literal("delta"), topic: z.string(), version, set: values, unset: z.array(z.string()) })
    .describe("Applies to version - 1; a browser that holds another one subscribes anew, once"),
  z
    .object({ type: z.literal("log"), topic: z.string(), lines: z.array(NumberedLine), last: z.number().int() })
    .describe("Consecutive lines; `last` is the number of the last line that the log has by now"),
  z.object({ type: z.literal("gone"), topic: z.string() }).describe("There is no such host or run (any more)"),
  z.object({ type: z.literal("problem"), reason: z.string() }),
]);
export type ToBrowser = z.infer<typeof ToBrowser>;

/** Close codes of the live socket beside those of RFC 6455. */
export const LIVE_CLOSE = { sessionEnded: 4001, shuttingDown: 1012 } as const;
