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
 * Every topic; nothing else lists topics. A topic is a map of keys to values, held by the server and copied by the browser: a snapshot
 * gives all, a delta sets and unsets keys and carries the next version. Here are the schema of its name, and the schema of each value
 * by the part of its key before the colon: a key is `server` or `host:<id>`.
 */
export const TOPICS = {
  /** Each host, each active or waiting run, each declared source, and the dashboard itself under `server`. */
  fleet: {
    name: z.literal("fleet"),
    values: { host: HostRow, run: RunSummary, source: SourceView, server: ServerInfo },
  },
  /** A host, and its newest 50 runs by their ids. */
  host: {
    name: z.templateLiteral(["host:", HostId]),
    values: { host: HostView, changes: ChangesView, generations: z.array(GenerationView), run: RunSummary },
  },
  /** A run. Its log arrives separately, as `log` messages. */
  run: { name: z.templateLiteral(["run:", RunId]), values: { run: RunView } },
  /** The newest 200 entries of the audit trail, by their seq. */
  activity: { name: z.literal("activity"), values: { entry: AuditEntry } },
} as const satisfies Record<string, { name: z.ZodType<string>; values: Record<string, z.ZodType> }>;

type Topics = typeof TOPICS;
/** The part of a topic's name before the colon. */
export type TopicHead = keyof Topics;
/** The name of a topic: `fleet`, `host:<id>`. */
export type Topic = { [H in TopicHead]: z.output<Topics[H]["name"]> extends H ? H : `${H}:${string}` }[TopicHead];

export const TopicName = z.union(Object.values(TOPICS).map(({ name }) => name));

/** The part of a name before its colon, or the whole name. */
type Head<Name extends string> = Name extends `${infer Before}:${string}` ? Before : Name;
type SchemasOf<T extends Topic> = Topics[Head<T> & TopicHead]["values"];

/** The part of a topic's keys before the colon. */
export type TopicKeyHead<T extends Topic> = T extends Topic ? keyof SchemasOf<T> & string : never;
/** A key of a topic: `server`, `host:<id>`. */
export type TopicKey<T extends Topic> = TopicKeyHead<T> | `${TopicKeyHead<T>}:${string}`;
/** The value of a topic under a key. */
export type TopicValue<T extends Topic, Key extends TopicKey<T>> = SchemasOf<T>[Head<Key> &
  keyof SchemasOf<T>] extends infer S extends z.ZodType
  ? z.output<S>
  : never;

/** The schema of a topic's value under a key; undefined: the topic has no such key. */
export function topicValueSchema(topic: string, key: string): z.ZodType | undefined {
  const head = headOf(topic);
  if (!Object.hasOwn(TOPICS, head)) return undefined;
  return new Map<string, z.ZodType>(Object.entries(TOPICS[head as TopicHead].values)).get(headOf(key));
}

/** The part of a topic's name before the colon, which says what the topic is. */
export function topicHead(topic: Topic): TopicHead {
  return headOf(topic) as TopicHead;
}

function headOf(name: string): string {
  return name.replace(/:.*/s, "");
}

export const FromBrowser = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("subscribe"),
    topic: TopicName,
    fromLine: z.number().int().min(1).optional().describe("For run:<id>: first line of the log to send; absent: no log"),
  }),
  z.object({ type: z.literal("unsubscribe"), topic: TopicName }),
  z.object({ type: z.literal("pong") }).describe("Answers a ping, at once"),
]);
export type FromBrowser = z.infer<typeof FromBrowser>;

const version = z.number().int().min(1);
const values = z.record(z.string(), z.unknown());

export const ToBrowser = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("hello"),
    serverTime: z.number(),
    version: z.string().describe("Version of the dashboard. Reload the page when it changes"),
  }),
  z.object({ type: z.literal("snapshot"), topic: z.string(), version, values }),
  z
    .object({ type: z.literal("delta"), topic: z.string(), version, set: values, unset: z.array(z.string()) })
    .describe("Applies to version - 1. A browser with any other version subscribes again, once"),
  z
    .object({ type: z.literal("log"), topic: z.string(), lines: z.array(NumberedLine), last: z.number().int() })
    .describe("Consecutive lines; `last` is the number of the last line in the log so far"),
  z.object({ type: z.literal("gone"), topic: z.string() }).describe("The host or run does not exist (any more)"),
  z.object({ type: z.literal("problem"), reason: z.string() }),
  z.object({ type: z.literal("ping") }),
]);
export type ToBrowser = z.infer<typeof ToBrowser>;

/** The dashboard pings each browser this often, in milliseconds, and lets one go that has answered none of two pings. */
export const LIVE_PING_INTERVAL = 20_000;
/** A browser that has heard nothing for this long, in milliseconds, gives the socket up and connects again. */
export const LIVE_SILENCE_LIMIT = 45_000;

/** Close codes of the live socket beside those of RFC 6455. */
export const LIVE_CLOSE = { sessionEnded: 4001, shuttingDown: 1012 } as const;
