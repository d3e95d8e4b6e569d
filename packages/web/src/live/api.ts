import {
  API_PATH,
  CSRF_HEADER,
  IDEMPOTENCY_HEADER,
  type Problem,
  ROUTES,
  type Route,
  type RouteInput,
  type RouteName,
  type RouteOutput,
} from "@nixfleet/protocol";

/** An answer of the dashboard other than the one that was asked for: what happened, and what to do. */
export class ProblemError extends Error {
  readonly problem: Problem;
  /** Seconds after which it may be tried again, where the dashboard says so. */
  readonly retryAfter: number | null;
  constructor(problem: Problem, retryAfter: number | null = null) {
    super(problem.detail ?? problem.title);
    this.name = "ProblemError";
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** The dashboard could not be asked at all. */
export class UnreachableError extends Error {
  constructor(cause: unknown) {
    super("The dashboard does not answer. Check that it runs and that this device is connected.", { cause });
    this.name = "UnreachableError";
  }
}

let csrf: string | null = null;
/** Set after signing in; every request that changes something carries it. */
export function setCsrf(token: string | null): void {
  csrf = token;
}

interface Parts {
  readonly params?: Record<string, string>;
  readonly query?: Record<string, string | number | boolean | undefined>;
  readonly body?: unknown;
}

/** The address of a route, with its parameters filled in. */
export function routeUrl<N extends RouteName>(name: N, input: RouteInput<N>): string {
  const { params = {}, query = {} } = input as Parts;
  const path = ROUTES[name].path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(String(params[key])));
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
  const text = search.toString();
  return `${API_PATH}${path}${text === "" ? "" : `?${text}`}`;
}

/** Pauses before a request whose answer was lost is sent again, in milliseconds. */
const REPEAT_AFTER = [500, 2000];

/**
 * Calls a route of the REST interface. Where the answer to a POST is lost on the way, it is sent again under the same key, by which
 * the dashboard does it once and gives the answer again (R1).
 * @throws ProblemError for every answer that is not the one asked for; UnreachableError where there is none
 */
export async function call<N extends RouteName>(name: N, input: RouteInput<N>, signal?: AbortSignal): Promise<RouteOutput<N>> {
  const route: Route = ROUTES[name];
  // Without a session there is nobody whom a key could belong to.
  if (route.method !== "post" || route.role === null) return await send(name, input, null, signal);
  const key = newKey();
  for (const pause of REPEAT_AFTER) {
    try {
      return await send(name, input, key, signal);
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    signal?.throwIfAborted();
  }
  return await send(name, input, key, signal);
}

async function send<N extends RouteName>(
  name: N,
  input: RouteInput<N>,
  key: string | null,
  signal: AbortSignal | undefined,
): Promise<RouteOutput<N>> {
  const route: Route = ROUTES[name];
  const { body } = input as Parts;
  const headers = new Headers({ Accept: "application/json" });
  if (body !== undefined) headers.set("Content-Type", "application/json");
  if (route.method !== "get" && csrf !== null) headers.set(CSRF_HEADER, csrf);
  if (key !== null) headers.set(IDEMPOTENCY_HEADER, key);
  let response: Response;
  try {
    response = await fetch(routeUrl(name, input), {
      method: route.method.toUpperCase(),
      headers,
      credentials: "same-origin",
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new UnreachableError(error);
  }
  if (response.status === 204) return undefined as RouteOutput<N>;
  const answer = await readJson(response);
  if (response.ok && answer !== undefined) return answer as RouteOutput<N>;
  if (isProblem(answer)) throw new ProblemError(answer, readSeconds(response.headers.get("Retry-After")));
  // A proxy in between answers for a dashboard that is away.
  throw new UnreachableError(new Error(`HTTP ${response.status}`));
}

/** The body as JSON; undefined where it is something else, such as a proxy's page. */
async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The seconds of a `Retry-After` (RFC 9110, 10.2.3); the dashboard never gives a date there. */
function readSeconds(header: string | null): number | null {
  return header !== null && /^\d{1,6}$/.test(header.trim()) ? Number(header) : null;
}

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "code" in value && "title" in value;
}

// crypto.randomUUID exists on secure origins only; a home network without TLS has getRandomValues.
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
