import * as z from "zod";
import { HostName, RunId, SourceId, Timestamp } from "./ids.ts";
import { OpName } from "./ops.ts";
import type { ProblemCode } from "./problems.ts";
import {
  AuditEntry,
  ChangesView,
  GenerationView,
  HostRow,
  HostView,
  LogOutline,
  NumberedLine,
  RunSummary,
  RunView,
  Session,
  SessionListing,
  SourceView,
  TargetView,
} from "./views.ts";
import { Platform, type Role, RunState } from "./words.ts";

/** Prefix of all routes in this file. */
export const API_PATH = "/api/v1";
export const CSRF_HEADER = "X-CSRF-Token";
export const IDEMPOTENCY_HEADER = "Idempotency-Key";

export interface Route {
  readonly method: "get" | "post" | "patch" | "delete";
  /** Below `API_PATH`, with `{name}` for parameters. */
  readonly path: string;
  readonly summary: string;
  /** The lowest role that may call it; null: no sign-in needed. */
  readonly role: Role | null;
  /** Concerns the caller's own session or password; absent: API tokens may call it too. */
  readonly principal?: "session";
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Body of the 2xx response; null: none (204). */
  readonly response: z.ZodType | null;
  readonly problems: readonly ProblemCode[];
}

const page = z.object({
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
});
function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next: z.string().nullable().describe("Cursor of the next page") });
}

const host = z.object({ host: z.string().min(1).max(80).describe("Id or name") });
const run = z.object({ run: RunId });
const password = z.string().min(12, "at least 12 characters").max(1000);
const personName = z.string().trim().min(1).max(60);
const token = z.object({ token: z.string().describe("Shown only once; stored as a hash") });

/** The proof that a person gives for an op that requires one. */
const proof = z.strictObject({ password: z.string().max(1000) });

export const StartRunBody = z.strictObject({
  op: z.string().max(40),
  args: z.record(z.string(), z.unknown()).default({}),
  whenBlocked: z.enum(["queue", "refuse"]).default("refuse").describe("What to do when the host is offline or busy"),
  force: z.boolean().default(false).describe("Skips the pre-checks that may be skipped"),
  proof: proof.optional().describe("Required by some ops"),
});

const RefusedStart = z.object({ code: z.string(), sentence: z.string(), next: z.string() });

/** Every route. The server, the page, the command line and the OpenAPI document are derived from this table. */
export const ROUTES = {
  setupState: {
    method: "get",
    path: "/setup",
    summary: "Whether the first administrator still has to be created",
    role: null,
    response: z.object({ needed: z.boolean() }),
    problems: [],
  },
  setup: {
    method: "post",
    path: "/setup",
    summary: "Create the first administrator with the one-time token of the setup link, and sign in",
    role: null,
    body: z.strictObject({ token: z.string().max(200), name: personName, password }),
    response: Session,
    problems: ["setup-link-invalid", "already-set-up", "too-many-attempts"],
  },
  signIn: {
    method: "post",
    path: "/session",
    summary: "Sign in",
    role: null,
    body: z.strictObject({ name: z.string().max(60), password: z.string().max(1000) }),
    response: Session,
    problems: ["wrong-credentials", "too-many-attempts"],
  },
  session: {
    method: "get",
    path: "/session",
    summary: "Who is signed in",
    role: "viewer",
    principal: "session",
    response: Session,
    problems: [],
  },
  signOut: {
    method: "delete",
    path: "/session",
    summary: "Sign out",
    role: "viewer",
    principal: "session",
    response: null,
    problems: [],
  },
  sessions: {
    method: "get",
    path: "/sessions",
    summary: "Your sessions",
    role: "viewer",
    principal: "session",
    response: z.object({ items: z.array(SessionListing) }),
    problems: [],
  },
  endSession: {
    method: "delete",
    path: "/sessions/{session}",
    summary: "End one of your sessions",
    role: "viewer",
    principal: "session",
    params: z.object({ session: z.string().max(100) }),
    response: null,
    problems: ["not-found"],
  },
  changePassword: {
    method: "post",
    path: "/password",
    summary: "Change your password and end your other sessions",
    role: "viewer",
    principal: "session",
    body: z.strictObject({ current: z.string().max(1000), next: password }),
    response: null,
    problems: ["wrong-credentials", "password-declared", "too-many-attempts"],
  },
  hosts: {
    method: "get",
    path: "/hosts",
    summary: "All hosts",
    role: "viewer",
    response: z.object({ items: z.array(HostRow) }),
    problems: [],
  },
  addHost: {
    method: "post",
    path: "/hosts",
    summary: "Add a host and create its token",
    role: "admin",
    body: z.strictObject({ name: HostName, platform: Platform }),
    response: z.object({ host: HostView, token: z.string() }),
    problems: ["name-taken"],
  },
  host: {
    method: "get",
    path: "/hosts/{host}",
    summary: "One host",
    role: "viewer",
    params: host,
    response: HostView,
    problems: ["host-not-found"],
  },
  changeHost: {
    method: "patch",
    path: "/hosts/{host}",
    summary: "Rename a host or change its notes",
    role: "admin",
    params: host,
    body: z.strictObject({ name: HostName.optional(), notes: z.string().max(10_000).optional() }),
    response: HostView,
    problems: ["host-not-found", "name-taken"],
  },
  removeHost: {
    method: "delete",
    path: "/hosts/{host}",
    summary: "Remove a host and its token. Its run history stays, and the machine itself is not changed",
    role: "admin",
    params: host,
    response: null,
    problems: ["host-not-found"],
  },
  rotateToken: {
    method: "post",
    path: "/hosts/{host}/token",
    summary: "Replace the host's token; the old one and its link end at once",
    role: "admin",
    params: host,
    response: token,
    problems: ["host-not-found"],
  },
  revokeToken: {
    method: "delete",
    path: "/hosts/{host}/token",
    summary: "Revoke the host's token; its link ends at once",
    role: "admin",
    params: host,
    response: null,
    problems: ["host-not-found"],
  },
  hostMetrics: {
    method: "get",
    path: "/hosts/{host}/metrics",
    summary: "Measurements of the last day, averaged over five minutes",
    role: "viewer",
    params: host,
    response: z.object({
      items: z.array(
        z.object({
          at: Timestamp,
          cpu: z.number().nullable(),
          load: z.number().nullable(),
          memory: z.number().nullable(),
          networkIn: z.number().nullable(),
          networkOut: z.number().nullable(),
        }),
      ),
    }),
    problems: ["host-not-found"],
  },
  hostRuns: {
    method: "get",
    path: "/hosts/{host}/runs",
    summary: "A host's runs, newest first",
    role: "viewer",
    params: host,
    query: page,
    response: pageOf(RunSummary),
    problems: ["host-not-found"],
  },
  startRun: {
    method: "post",
    path: "/hosts/{host}/runs",
    summary: "Start an op on a host",
    role: "operator",
    params: host,
    body: StartRunBody,
    response: RunSummary,
    problems: [
      "host-not-found",
      "run-refused",
      "invalid-request",
      "second-factor-required",
      "second-factor-wrong",
      "too-many-attempts",
    ],
  },
  hostChanges: {
    method: "get",
    path: "/hosts/{host}/changes",
    summary: "The last preview of a host, and the commits between it and the running system",
    role: "viewer",
    params: host,
    response: ChangesView,
    problems: ["host-not-found"],
  },
  hostGenerations: {
    method: "get",
    path: "/hosts/{host}/generations",
    summary: "A host's generations, newest first, with who deployed them",
    role: "viewer",
    params: host,
    response: z.object({ items: z.array(GenerationView) }),
    problems: ["host-not-found"],
  },
  runs: {
    method: "get",
    path: "/runs",
    summary: "Runs, newest first",
    role: "viewer",
    query: page.extend({ state: RunState.optional(), op: OpName.optional(), host: z.string().max(80).optional() }),
    response: pageOf(RunSummary),
    problems: [],
  },
  startRuns: {
    method: "post",
    path: "/runs",
    summary: "Start an op on several hosts; each one is started or refused separately",
    role: "operator",
    body: StartRunBody.extend({ hosts: z.array(z.string().max(80)).min(1).max(1000) }),
    response: z.object({
      items: z.array(z.object({ host: z.string(), run: RunSummary.nullable(), refused: RefusedStart.nullable() })),
    }),
    problems: ["invalid-request", "second-factor-required", "second-factor-wrong", "too-many-attempts"],
  },
  run: {
    method: "get",
    path: "/runs/{run}",
    summary: "One run",
    role: "viewer",
    params: run,
    response: RunView,
    problems: ["run-not-found"],
  },
  cancelRun: {
    method: "post",
    path: "/runs/{run}/cancel",
    summary: "Cancel a run",
    role: "operator",
    params: run,
    response: RunSummary,
    problems: ["run-not-found", "run-ended"],
  },
  runLog: {
    method: "get",
    path: "/runs/{run}/log",
    summary: "Lines of a run's log: as JSON, JSON lines, or plain text",
    role: "viewer",
    params: run,
    query: z.object({
      from: z.coerce.number().int().min(1).default(1),
      limit: z.coerce.number().int().min(1).max(10_000).optional().describe("Absent: 1,000 lines as json, all of them otherwise"),
      format: z.enum(["json", "jsonl", "text"]).default("json"),
    }),
    response: z.object({ lines: z.array(NumberedLine), last: z.number().int() }),
    problems: ["run-not-found"],
  },
  searchLog: {
    method: "get",
    path: "/runs/{run}/log/search",
    summary: "Numbers of the lines that contain a text, ignoring case",
    role: "viewer",
    params: run,
    query: z.object({ q: z.string().min(1).max(500) }),
    response: z.object({
      lines: z.array(z.number().int()),
      truncated: z.boolean().describe("There are more than 10,000 matches"),
    }),
    problems: ["run-not-found"],
  },
  logOutline: {
    method: "get",
    path: "/runs/{run}/log/outline",
    summary: "Line numbers of errors, warnings and foldable noise in a log",
    role: "viewer",
    params: run,
    response: LogOutline,
    problems: ["run-not-found"],
  },
  target: {
    method: "get",
    path: "/target",
    summary: "The target of the only declared source",
    role: "viewer",
    response: TargetView,
    problems: [],
  },
  refreshTarget: {
    method: "post",
    path: "/target/refresh",
    summary: "Fetch the only declared source now",
    role: "operator",
    response: TargetView,
    problems: ["target-not-configured"],
  },
  sources: {
    method: "get",
    path: "/sources",
    summary: "The declared sources, each with its target",
    role: "viewer",
    response: z.object({ items: z.array(SourceView) }),
    problems: [],
  },
  refreshSource: {
    method: "post",
    path: "/sources/{source}/refresh",
    summary: "Fetch the config repository of a source now",
    role: "operator",
    params: z.object({ source: SourceId }),
    response: SourceView,
    problems: ["source-not-found"],
  },
  audit: {
    method: "get",
    path: "/audit",
    summary: "The audit trail, newest first",
    role: "viewer",
    query: page.extend({
      who: z.string().max(60).optional(),
      action: z.string().max(60).optional(),
      host: z.string().max(80).optional(),
    }),
    response: pageOf(AuditEntry),
    problems: [],
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof ROUTES;
type Shape<R, K extends string> = R extends Record<K, infer S extends z.ZodType> ? S : never;
/** The input of a route, by its name. */
export type RouteInput<N extends RouteName> = ([Shape<(typeof ROUTES)[N], "params">] extends [never]
  ? unknown
  : { params: z.input<Shape<(typeof ROUTES)[N], "params">> }) &
  ([Shape<(typeof ROUTES)[N], "query">] extends [never] ? unknown : { query?: z.input<Shape<(typeof ROUTES)[N], "query">> }) &
  ([Shape<(typeof ROUTES)[N], "body">] extends [never] ? unknown : { body: z.input<Shape<(typeof ROUTES)[N], "body">> });
/** The output of a route, by its name; undefined: no body. */
export type RouteOutput<N extends RouteName> = (typeof ROUTES)[N]["response"] extends infer S extends z.ZodType
  ? z.output<S>
  : undefined;
