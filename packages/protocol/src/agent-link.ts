import * as z from "zod";
import { FactsReading, HostPolicy, HostSettings, Metrics } from "./facts.ts";
import { Commit, HostId, HostName, RunId, Timestamp } from "./ids.ts";
import { isShallowJson, MAX_JSON_DEPTH } from "./json-depth.ts";
import { RefusalCode } from "./refusals.ts";
import { Outcome, RunEvent, SpoolWriterId } from "./run-events.ts";
import { plainText } from "./text.ts";

/** Path of the agent's WebSocket below the dashboard's address. */
export const AGENT_LINK_PATH = "/agent/link";
/** Where a runner asks, over a new connection, whether its host is still reachable: POST, with the run's secret as bearer token. */
export const confirmPath = (runId: RunId) => `/agent/runs/${runId}/confirm`;
/** WebSocket subprotocol. Its number is the major version: within it, unknown messages and fields are ignored. */
export const AGENT_SUBPROTOCOL = "nixfleet.agent.v1";
export const PROTOCOL_VERSION = 1;
/** Largest frame in bytes, either way. */
export const MAX_FRAME_BYTES = 1024 * 1024;
/** Bytes of run events that an agent may have on the wire without an acknowledgement. */
export const MAX_UNACKNOWLEDGED_BYTES = 1024 * 1024;
/** The agent pings this often, in milliseconds. */
export const PING_INTERVAL = 20_000;
/** Either side drops a link that has been silent for this long, in milliseconds. */
export const SILENCE_LIMIT = 60_000;
/** An agent that was refused, where no time to come back was named, tries again within this time, in milliseconds. */
export const REFUSED_WAIT = 60_000;

const seq = z.number().int().min(0);

/** Runs that one hello can list. */
export const MAX_HELD_RUNS = 1000;
/** Writers of one spool that are told apart; of more the last ones. */
export const MAX_SPOOL_WRITERS = 20;

/** A writer of a spool: it continued behind the event `afterSeq`; 0: it began the spool. */
export const SpoolWriter = z.object({ id: SpoolWriterId, afterSeq: seq });
export type SpoolWriter = z.infer<typeof SpoolWriter>;

const heldRun = {
  state: z.enum(["queued", "active", "finished"]),
  lastSeq: seq.describe("Seq of the last event in the agent's spool; 0 before the first"),
  writers: z
    .array(SpoolWriter)
    .max(MAX_SPOOL_WRITERS)
    .optional()
    .describe("Who wrote the spool, oldest first; absent or none: it is not begun, or an older agent's"),
  outcome: Outcome.optional().describe("How it ended; absent: it has not, or its record cannot be read"),
  endedAt: Timestamp.optional().describe("By the host's clock"),
};

const HeldRun = z.object({ runId: RunId, ...heldRun });
/** A run as its host holds it. */
export type HeldRun = z.infer<typeof HeldRun>;

/** What a host knows of a run's request: enough for a dashboard that has lost it. */
const HeldRequest = z.object({
  op: z.string().max(40),
  args: z.record(z.string().max(40), z.unknown()),
  commit: Commit.nullable(),
  deadline: z.number().int().min(1000),
  askedBy: plainText(100),
  force: z.boolean(),
  receivedAt: Timestamp,
  confirmSecret: z
    .string()
    .regex(/^[\x21-\x7e]{32,200}$/)
    .optional(),
});
export type HeldRequest = z.infer<typeof HeldRequest>;

// Each schema is built when the first message of its type arrives: neither side reads all types, and built schemas take memory.
const messagesFromAgent = {
  hello: z.lazy(() =>
    z.object({
      type: z.literal("hello"),
      protocol: z.number().int().min(1),
      hostname: HostName.describe("The agent's own host name"),
      instance: z.string().min(1).max(200).describe("Identifies the agent's process: boot id, pid and start time"),
      policy: HostPolicy,
      settings: HostSettings,
      facts: FactsReading,
      runs: z
        .array(HeldRun)
        .max(MAX_HELD_RUNS)
        .describe("Every run that waits, is active, or has unacknowledged events, and those that finished within the last days"),
    }),
  ),
  facts: z.lazy(() => z.object({ type: z.literal("facts"), reading: FactsReading })),
  metrics: z.lazy(() => z.object({ type: z.literal("metrics"), metrics: Metrics })),
  runEvents: z.lazy(() => z.object({ type: z.literal("runEvents"), runId: RunId, events: z.array(RunEvent).min(1).max(1000) })),
  runRefused: z.lazy(() =>
    z.object({
      type: z.literal("runRefused"),
      runId: RunId,
      code: RefusalCode.catch("refused-by-host"),
      reason: plainText(2000),
    }),
  ),
  runReport: z.lazy(() =>
    z.object({
      type: z.literal("runReport"),
      runId: RunId,
      held: z
        .object({ ...heldRun, request: HeldRequest.optional() })
        .nullable()
        .describe("Null: the host has nothing of this run"),
      fault: plainText(500).optional().describe("Why events are missing in the spool or cannot be read; they will not come"),
    }),
  ),
  pong: z.lazy(() => z.object({ type: z.literal("pong"), nonce: z.string().max(100) })),
} as const;

const messagesFromDashboard = {
  welcome: z.lazy(() =>
    z.object({
      type: z.literal("welcome"),
      hostId: HostId,
      serverTime: Timestamp,
      runs: z
        .array(z.object({ runId: RunId, storedSeq: seq, known: z.boolean() }))
        .max(1000)
        .describe("The last stored seq of each run in the hello. Events of an unknown run must not be sent"),
    }),
  ),
  ack: z.lazy(() => z.object({ type: z.literal("ack"), runId: RunId, storedSeq: seq })),
  startRun: z.lazy(() =>
    z.object({
      type: z.literal("startRun"),
      runId: RunId,
      op: z.string().max(40),
      args: z.record(z.string().max(40), z.unknown()),
      commit: Commit.nullable().describe("The target commit when the run was requested; null for an op that needs none"),
      deadline: z.number().int().min(1000).describe("Milliseconds from the start of the runner until it stops the run"),
      askedBy: plainText(100),
      force: z.boolean(),
      confirmSecret: z
        .string()
        .regex(/^[\x21-\x7e]{32,200}$/)
        .optional()
        .describe("Used to confirm this run only; the same whenever the run is sent"),
    }),
  ),
  cancelRun: z.lazy(() =>
    z.object({ type: z.literal("cancelRun"), runId: RunId, by: plainText(100).optional().describe("Who cancelled it") }),
  ),
  reportRun: z.lazy(() =>
    z.object({
      type: z.literal("reportRun"),
      runId: RunId,
      fromSeq: z.number().int().min(1).optional().describe("Send its events again from this one; absent: only answer"),
    }),
  ),
  watch: z.lazy(() => z.object({ type: z.literal("watch"), on: z.boolean() })),
  ping: z.lazy(() => z.object({ type: z.literal("ping"), nonce: z.string().max(100) })),
  goodbye: z.lazy(() =>
    z.object({
      type: z.literal("goodbye"),
      code: z.enum(["revoked", "conflict", "unsupported-protocol", "invalid-message", "shutting-down", "removed"]),
      reason: plainText(2000),
      comeBackAfter: z
        .number()
        .min(0)
        .max(86_400)
        .nullable()
        .describe("Seconds; null: retrying does not help until the cause is fixed, so retry rarely"),
    }),
  ),
} as const;

type Shapes<T extends Record<string, z.ZodType>> = { [K in keyof T]: z.output<T[K]> }[keyof T];
export type FromAgent = Shapes<typeof messagesFromAgent>;
export type FromDashboard = Shapes<typeof messagesFromDashboard>;
export type FromAgentOf<T extends FromAgent["type"]> = Extract<FromAgent, { type: T }>;
export type FromDashboardOf<T extends FromDashboard["type"]> = Extract<FromDashboard, { type: T }>;
export type StartRun = FromDashboardOf<"startRun">;
export type Goodbye = FromDashboardOf<"goodbye">;

export type ReadMessage<M> =
  | { kind: "message"; message: M }
  /** A type that this version does not know; ignore it. */
  | { kind: "unknown"; type: string }
  /** Malformed: close the link with this reason, which names the path of the fault. */
  | { kind: "invalid"; reason: string };

function read<M>(schemas: Readonly<Record<string, z.ZodType>>, text: string): ReadMessage<M> {
  if (!isShallowJson(text)) return { kind: "invalid", reason: `The message is nested more than ${MAX_JSON_DEPTH} times.` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { kind: "invalid", reason: `The message is not JSON: ${(error as Error).message.slice(0, 200)}` };
  }
  const type = typeof value === "object" && value !== null && "type" in value ? value.type : undefined;
  if (typeof type !== "string" || type.length > 60) return { kind: "invalid", reason: "The message has no type." };
  const schema = Object.hasOwn(schemas, type) ? schemas[type] : undefined;
  if (schema === undefined) return { kind: "unknown", type };
  const parsed = schema.safeParse(value);
  if (parsed.success) return { kind: "message", message: parsed.data as M };
  const issue = parsed.error.issues[0];
  return {
    kind: "invalid",
    reason: `${[type, ...(issue?.path ?? [])].join(".")}: ${issue?.message ?? "does not fit"}`.slice(0, 500),
  };
}

/** Reads a frame that an agent sent. Never throws. */
export const readFromAgent = (text: string): ReadMessage<FromAgent> => read(messagesFromAgent, text);
/** Reads a frame that the dashboard sent. Never throws. */
export const readFromDashboard = (text: string): ReadMessage<FromDashboard> => read(messagesFromDashboard, text);

export const FROM_AGENT_TYPES = Object.keys(messagesFromAgent) as FromAgent["type"][];
export const FROM_DASHBOARD_TYPES = Object.keys(messagesFromDashboard) as FromDashboard["type"][];
