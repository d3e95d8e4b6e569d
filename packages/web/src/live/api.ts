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

/** The dashboard answered with a problem: what happened, and what to do. */
export class ProblemError extends Error {
  readonly problem: Problem;
  /** Seconds to wait before the next attempt, from `Retry-After`; null: it does not say. */
  readonly retryAfter: number | null;
  constructor(problem: Problem, retryAfter: number | null = null) {
    super(problem.detail ?? problem.title);
    this.name = "ProblemError";
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** The dashboard sent no answer. */
export class UnreachableError extends Error {
  constructor(cause: unknown) {
    super("The dashboard is not responding. Check that it is running and that this device is online.", { cause });
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

/** What the calls need from the browser. */
export interface ApiDeps {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly wait: (milliseconds: number) => Promise<void>;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
}

/** One call of a route: however often it is sent, the dashboard does it once. */
export interface ApiRequest<N extends RouteName> {
  /**
   * Sends the request. A POST with a session is repeated a few times when no answer comes or the dashboard cannot store anything
   * (HTTP 503), always with the same Idempotency-Key, so that it is done once.
   * @throws ProblemError for a problem document; UnreachableError when no answer comes
   */
  readonly send: (signal?: AbortSignal) => Promise<RouteOutput<N>>;
}

/** Milliseconds before a request is sent again, each with up to half of it more. */
export const REPEAT_WAITS: readonly number[] = [300, 1_000, 3_000];

export interface Api {
  readonly request: <N extends RouteName>(name: N, input: RouteInput<N>) => ApiRequest<N>;
}

export function createApi({ fetch, wait, random }: ApiDeps): Api {
  async function sendOnce<N extends RouteName>(
    name: N,
    input: RouteInput<N>,
    key: string | null,
    signal: AbortSignal | undefined,
  ) {
    const route: Route = ROUTES[name];
    const { body } = input as Parts;
    const headers = new Headers({ Accept: "application/json" });
    if (body !== undefined) headers.set("Content-Type", "application/json");
    if (route.method !== "get" && csrf !== null) headers.set(CSRF_HEADER, csrf);
    if (key !== null) headers.set(IDEMPOTENCY_HEADER, key);
    let response: Response;
    let text: string;
    try {
      response = await fetch(routeUrl(name, input), {
        method: route.method.toUpperCase(),
        headers,
        credentials: "same-origin",
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal !== undefined && { signal }),
      });
      // An answer that breaks off counts as none.
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new UnreachableError(error);
    }
    if (response.status === 204) return undefined as RouteOutput<N>;
    const answer = parseJson(text);
    if (response.ok && answer !== undefined) return answer as RouteOutput<N>;
    if (isProblem(answer)) throw new ProblemError(answer, readSeconds(response.headers.get("Retry-After")));
    // A proxy answers in place of the dashboard.
    throw new UnreachableError(new Error(`HTTP ${response.status}`));
  }

  return {
    request(name, input) {
      const route: Route = ROUTES[name];
      // Without a session the dashboard stores no answers by key.
      const key = route.method === "post" && route.role !== null ? newKey() : null;
      return {
        async send(signal) {
          for (const repeatWait of key === null ? [] : REPEAT_WAITS) {
            try {
              return await sendOnce(name, input, key, signal);
            } catch (error) {
              if (!isUnanswered(error)) throw error;
            }
            await wait(repeatWait * (1 + random() / 2));
          }
          return await sendOnce(name, input, key, signal);
        },
      };
    },
  };
}

/** Whether the result of a call is unknown: no answer came, or nothing could be stored. The same request can be sent again. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof UnreachableError || (error instanceof ProblemError && error.problem.code === "unavailable");
}

const api = createApi({
  fetch: (url, init) => globalThis.fetch(url, init),
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  random: Math.random,
});

/** Calls a route of the REST interface: `ApiRequest.send` of a request of its own. */
export async function call<N extends RouteName>(name: N, input: RouteInput<N>, signal?: AbortSignal): Promise<RouteOutput<N>> {
  return await api.request(name, input).send(signal);
}

/** Sends the requests of one place, such as a form or a dialog. */
export type Send<N extends RouteName> = (input: RouteInput<N>) => Promise<RouteOutput<N>>;

/**
 * Calls a route so that a person can safely press the same button again: the same input after a call that got no answer is the same
 * request, with the same key. Any other call is a new request.
 */
export function createSend<N extends RouteName>(name: N, { request }: Api = api): Send<N> {
  let unanswered: { readonly input: string; readonly request: ApiRequest<N> } | null = null;
  return async (input) => {
    const text = JSON.stringify(input);
    const current = unanswered?.input === text ? unanswered.request : request(name, input);
    unanswered = null;
    try {
      return await current.send();
    } catch (error) {
      if (isUnanswered(error)) unanswered = { input: text, request: current };
      throw error;
    }
  };
}

/** Undefined if the text is not JSON, such as a proxy's page. */
function parseJson(text: string): unknown {
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
