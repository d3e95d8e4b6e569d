import { setTimeout as sleep } from "node:timers/promises";
import { API_PATH, CSRF_HEADER, ROUTES, type RouteInput, type RouteName, type RouteOutput } from "@nixfleet/protocol";

export interface DashboardClient {
  call<N extends RouteName>(route: N, input: RouteInput<N>): Promise<RouteOutput<N>>;
}

/** The answer of a route that did not do what was asked: the problem document's code, and its words. */
export class DashboardProblem extends Error {
  readonly code: string;

  constructor(route: string, status: number, body: string) {
    super(`${route}: ${status} ${body}`);
    this.code = /"code":\s*"([a-z-]+)"/.exec(body)?.[1] ?? String(status);
  }
}

/** Signs in as a person does, and then speaks the same REST routes as the page. */
export async function signIn(url: string, name: string, password: string): Promise<DashboardClient> {
  let cookie = "";
  let csrf = "";

  const call: DashboardClient["call"] = async (routeName, input) => {
    const route = ROUTES[routeName];
    const { params = {}, body } = input as { params?: Record<string, string>; body?: unknown };
    const path = route.path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(params[key] ?? ""));
    const response = await fetch(`${url}${API_PATH}${path}`, {
      method: route.method.toUpperCase(),
      headers: {
        origin: url,
        ...(cookie === "" ? {} : { cookie, [CSRF_HEADER]: csrf }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new DashboardProblem(routeName, response.status, text);
    cookie ||= (response.headers.getSetCookie()[0] ?? "").split(";")[0] ?? "";
    return (route.response === null ? undefined : route.response.parse(JSON.parse(text))) as RouteOutput<typeof routeName>;
  };

  ({ csrf } = await call("signIn", { body: { name, password } }));
  return { call };
}

/** Waits until the dashboard answers; ends when the signal says so. */
export async function untilHealthy(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      if ((await fetch(`${url}/health`, { signal })).ok) return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TypeError)) throw error; // fetch's way to say that nobody listens yet
    }
    await sleep(50);
  }
}
