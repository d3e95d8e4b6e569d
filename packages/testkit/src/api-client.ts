import { API_PATH, CSRF_HEADER, ROUTES, type Route, type RouteInput, type RouteName, type RouteOutput } from "@nixfleet/protocol";

/** Somebody signed in at a dashboard, as a script would be. */
export interface ApiClient {
  readonly origin: string;
  /** The session's cookie, `name=value`, for a WebSocket or a browser. */
  readonly cookie: string;
  /** Calls a route; throws with the problem document when it does not succeed. */
  call<N extends RouteName>(name: N, input: RouteInput<N>): Promise<RouteOutput<N>>;
}

/** Makes the first administrator with the token of the setup link that the dashboard printed. */
export async function setUpAdministrator(setupLink: string, name: string, password: string): Promise<ApiClient> {
  const { origin, hash } = new URL(setupLink);
  return open(origin, "/setup", { token: hash.slice(1), name, password });
}

/** Signs in with a name and a password. */
export async function signIn(origin: string, name: string, password: string): Promise<ApiClient> {
  return open(origin, "/session", { name, password });
}

async function open(origin: string, path: string, body: unknown): Promise<ApiClient> {
  const answer = await fetch(`${origin}${API_PATH}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Origin: origin },
    body: JSON.stringify(body),
  });
  const session = (await answer.json()) as { csrf: string };
  const cookie = answer.headers.getSetCookie()[0]?.split(";")[0];
  if (!answer.ok || cookie === undefined) throw new Error(`${path}: ${answer.status} ${JSON.stringify(session)}`);
  return {
    origin,
    cookie,
    async call(name, input) {
      const route: Route = ROUTES[name];
      const { params = {}, query = {}, body: sent } = input as Parts;
      const at = route.path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(params[key] ?? ""));
      const search = new URLSearchParams(Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]));
      const response = await fetch(`${origin}${API_PATH}${at}${search.size > 0 ? `?${search.toString()}` : ""}`, {
        method: route.method.toUpperCase(),
        headers: {
          Cookie: cookie,
          Origin: origin,
          [CSRF_HEADER]: session.csrf,
          ...(sent !== undefined && { "Content-Type": "application/json" }),
        },
        ...(sent !== undefined && { body: JSON.stringify(sent) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${name}: ${response.status} ${text}`);
      return (text === "" ? undefined : JSON.parse(text)) as never;
    },
  };
}

interface Parts {
  readonly params?: Record<string, string>;
  readonly query?: Record<string, string | number>;
  readonly body?: unknown;
}
