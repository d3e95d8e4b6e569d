import { request as httpRequest } from "node:http";
import { Problem } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { codeOf, openHttp, PASSWORD } from "./http.fixture.ts";

test("first start, signing in and out work over HTTP, and the cookie is HttpOnly, SameSite=Lax and bound to the origin", async () => {
  await using http = await openHttp();
  const alice = http.browser();
  expect(await (await alice.send("GET", "/setup")).json()).toEqual({ needed: true });
  const token = await http.people.issueSetupToken();
  const made = await alice.send("POST", "/setup", { token, name: "Alice", password: PASSWORD });
  expect(made.status).toBe(200);
  expect(made.headers.get("Set-Cookie")).toMatch(/^nixfleet=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=2592000$/);
  expect(await (await alice.send("GET", "/setup")).json()).toEqual({ needed: false });
  expect(await (await alice.send("GET", "/session")).json()).toEqual({
    person: { name: "Alice", role: "admin" },
    csrf: alice.session.csrf,
  });
  const out = await alice.send("DELETE", "/session");
  expect({ status: out.status, cookie: out.headers.get("Set-Cookie") }).toMatchObject({ status: 204 });
  expect(await codeOf(await alice.send("GET", "/session"))).toBe("not-signed-in");
});

test("behind https the cookie is __Host- and Secure, and the browser is told to stay with https", async () => {
  await using http = await openHttp({ origin: "https://fleet.example.org" });
  const token = await http.people.issueSetupToken();
  const made = await http.browser().send("POST", "/setup", { token, name: "Alice", password: PASSWORD });
  expect(made.headers.get("Set-Cookie")).toMatch(
    /^__Host-nixfleet=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=2592000; Secure$/,
  );
  expect(made.headers.get("Strict-Transport-Security")).toBe("max-age=31536000");
});

test("R50: every answer forbids inline script and style, framing, sniffing and leaking its address", async () => {
  await using http = await openHttp();
  for (const path of ["/", "/api/v1/session", "/api/v1/nothing", "/health", "/api/openapi.json"]) {
    const { headers } = await fetch(`${http.base}${path}`);
    const csp = headers.get("Content-Security-Policy") ?? "";
    expect(csp, path).toContain("default-src 'none'; script-src 'self'; style-src 'self';");
    expect(csp, path).toContain("frame-ancestors 'none'");
    expect(csp, path).not.toMatch(/unsafe|\*|https?:|data:(?!;)[^;]*script/);
    expect(Object.fromEntries(headers), path).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
    });
    expect(headers.get("X-Powered-By"), path).toBe(null);
  }
});

test("R54: the browser may load from, send to and speak to this dashboard alone, by whatever address it is configured", async () => {
  for (const origin of ["https://fleet.example.org", "http://fleet:8080"]) {
    await using http = await openHttp({ origin });
    const policy = (await fetch(http.base)).headers.get("Content-Security-Policy") ?? "";
    const sources = policy.split("; ").flatMap((directive) => directive.split(" ").slice(1));
    expect(new Set(sources)).toEqual(new Set(["'none'", "'self'", "data:", origin.replace("http", "ws")]));
    expect(policy).toContain("img-src 'self' data:");
    expect(policy.match(/data:/g)).toHaveLength(1);
  }
});

test("R53: what changes something needs this page's Origin and the session's CSRF token", async () => {
  await using http = await openHttp();
  const alice = await http.signedIn();
  const mallory = await http.signedIn();
  const end = (headers: Record<string, string>) => alice.send("DELETE", "/sessions/x", undefined, headers);
  for (const Origin of [
    "https://evil.example",
    "null",
    "",
    `http://127.0.0.1:${http.port + 1}`,
    `http://127.0.0.1:${http.port}.evil.example`,
  ]) {
    expect(await codeOf(await end({ Origin })), Origin).toBe("cross-site");
  }
  for (const csrf of ["", "x", mallory.session.csrf]) {
    expect(await codeOf(await end({ "X-CSRF-Token": csrf })), csrf).toBe("cross-site");
  }
  expect(await codeOf(await end({}))).toBe("not-found");
  expect((await end({ Origin: `http://localhost:${http.port}` })).status).toBe(404);
});

test("R53: signing in from another site's page is refused as well", async () => {
  await using http = await openHttp();
  await http.signedIn();
  const evil = await http
    .browser()
    .send("POST", "/session", { name: "Alice", password: PASSWORD }, { Origin: "https://evil.example" });
  expect({ code: await codeOf(evil), cookie: evil.headers.get("Set-Cookie") }).toEqual({ code: "cross-site", cookie: null });
});

test("R53: over HTTP a changed password ends the other sessions, and a session can be ended by its id", async () => {
  await using http = await openHttp();
  const [one, two, three] = [await http.signedIn(), await http.signedIn(), await http.signedIn()];
  const { items } = (await (await one.send("GET", "/sessions")).json()) as { items: { id: string; current: boolean }[] };
  expect(items).toHaveLength(4);
  const own = (await (await two.send("GET", "/sessions")).json()) as { items: typeof items };
  const id = own.items.find((item) => item.current)?.id;
  expect((await one.send("DELETE", `/sessions/${id}`)).status).toBe(204);
  expect((await two.send("GET", "/session")).status).toBe(401);
  expect((await three.send("GET", "/session")).status).toBe(200);
  expect((await one.send("POST", "/password", { current: PASSWORD, next: "a quite different one" })).status).toBe(204);
  expect((await three.send("GET", "/session")).status).toBe(401);
  expect((await one.send("GET", "/session")).status).toBe(200);
});

test("R52: X-Forwarded-For counts only from a configured proxy: others cannot hide who guesses", async () => {
  await using direct = await openHttp();
  await using proxied = await openHttp({ trusted: ["127.0.0.1"] });
  for (const http of [direct, proxied]) await http.signedIn();
  const guess = (http: typeof direct, forwarded: string) =>
    http.browser().send("POST", "/session", { name: `nobody${forwarded}`, password: "x" }, { "X-Forwarded-For": forwarded });
  const statuses = async (http: typeof direct) => {
    const seen: number[] = [];
    for (let i = 0; i < 22; i++) seen.push((await guess(http, `198.51.100.${i}`)).status);
    return new Set(seen);
  };
  expect(await statuses(direct)).toEqual(new Set([401, 429]));
  expect(await statuses(proxied)).toEqual(new Set([401]));
  const from = async (http: typeof direct) => (await http.audit.list({ who: "unknown" }, 1, null)).items[0]?.from;
  expect(await from(direct)).toBe("127.0.0.1");
  expect(await from(proxied)).toBe("198.51.100.21");
});

test("R52: whom the limit slows down is told how long, per account over HTTP", async () => {
  await using http = await openHttp();
  await http.signedIn();
  const wrong = () => http.browser().send("POST", "/session", { name: "Alice", password: "x" });
  for (let i = 0; i < 5; i++) expect(await codeOf(await wrong())).toBe("wrong-credentials");
  // This address has signed in before, so its own count holds; that of strangers is apart.
  const slowed = await wrong();
  expect({ status: slowed.status, after: slowed.headers.get("Retry-After") }).toEqual({ status: 429, after: "1" });
  http.clock.advance(1000);
  expect((await http.browser().send("POST", "/session", { name: "Alice", password: PASSWORD })).status).toBe(200);
});

test("R38: malformed requests get a problem document that names the fault, and nobody else notices", async () => {
  await using http = await openHttp();
  const alice = await http.signedIn();
  const fault = async (response: Response) => Problem.parse(await response.json()).faults?.map(({ path }) => path);
  const signIn = (body: unknown) => http.browser().send("POST", "/session", body);
  expect(await fault(await signIn("{"))).toEqual(["body"]);
  expect(await fault(await signIn(""))).toEqual(["body"]);
  expect(await fault(await signIn("[]"))).toEqual(["body"]);
  expect(await fault(await signIn({ name: 1, password: null }))).toEqual(["body.name", "body.password"]);
  expect(await fault(await signIn({ name: "a", password: "b", role: "admin" }))).toEqual(["body"]);
  expect(await fault(await alice.send("GET", `/audit?limit=0&who=${"x".repeat(61)}`))).toEqual(["query.limit", "query.who"]);
  expect(await fault(await alice.send("GET", "/audit?cursor=0x1"))).toEqual(["query.cursor"]);
  expect(
    await fault(
      await alice.send("POST", "/password", { current: "x", next: "long enough to be one" }, { "Idempotency-Key": "a b" }),
    ),
  ).toEqual(["Idempotency-Key"]);
  expect(await codeOf(await alice.send("DELETE", "/sessions/%E0%A4%A"))).toBe("not-found");
  expect(await codeOf(await alice.send("GET", "/api/v1/%2e%2e%2f%2e%2e%2fetc/passwd"))).toBe("not-found");
  expect((await alice.send("GET", "/session")).status).toBe(200);
});

test("R38: a password in a malformed request comes back in no answer and no log line", async () => {
  await using http = await openHttp();
  // Of the second, V8's own message would quote what stands around the fault.
  for (const body of ['{"name":"Alice","password":"hunter2-hunter2" oops', '{"password":hunter2-hunter2}']) {
    expect(await (await http.browser().send("POST", "/session", body)).text()).not.toContain("hunter2");
  }
  const short = await http.browser().send("POST", "/setup", { token: "x", name: "Alice", password: "hunter2" });
  expect(await short.text()).not.toContain("hunter2");
  expect(http.lines.join("\n")).not.toContain("hunter2");
});

test("R38: bodies, headers and addresses that are too large are refused, with and without a stated length", async () => {
  await using http = await openHttp();
  const large = "x".repeat(300 * 1024);
  expect(await codeOf(await http.browser().send("POST", "/session", { name: "a", password: large }))).toBe("too-large");
  const chunked = await new Promise<number | undefined>((resolve, reject) => {
    const request = httpRequest(`${http.base}/api/v1/session`, { method: "POST", headers: { Origin: http.base } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on("error", reject);
    for (let i = 0; i < 40; i++) request.write("x".repeat(16 * 1024));
    request.end();
  });
  expect(chunked).toBe(413);
  expect(await http.raw(`GET / HTTP/1.1\r\nHost: x\r\nCookie: ${large.slice(0, 20_000)}`)).toContain('"code":"too-large"');
  expect(await http.raw("NONSENSE")).toContain('"code":"invalid-request"');
  expect(await http.raw("GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade")).toContain(
    '"code":"cross-site"',
  );
  expect((await fetch(`${http.base}/health`)).status).toBe(200);
});

test("R38: a fault in a handler ends only its own request; the answer has an id that stands in the log", async () => {
  await using http = await openHttp({
    routes: (serve) =>
      serve("hosts", async () => {
        throw new Error("a bug with a path /var/secret in it");
      }),
  });
  const alice = await http.signedIn();
  const response = await alice.send("GET", "/hosts");
  const problem = Problem.parse(await response.json());
  expect(problem).toMatchObject({ status: 500, code: "internal" });
  expect(JSON.stringify(problem)).not.toContain("/var/secret");
  expect(http.lines.some((line) => line.includes(problem.id ?? "?"))).toBe(true);
  expect((await alice.send("GET", "/session")).status).toBe(200);
});

test("R53: /live opens only for this page's Origin and a session; the session is handed on", async () => {
  const names: string[] = [];
  await using http = await openHttp({
    onLive: (socket, session) => {
      names.push(session.name);
      socket.end("HTTP/1.1 418 I'm a teapot\r\nConnection: close\r\n\r\n");
    },
  });
  const alice = await http.signedIn();
  const upgrade = (path: string, headers: readonly string[]) =>
    http.raw([`GET ${path} HTTP/1.1`, "Host: x", "Upgrade: websocket", "Connection: Upgrade", ...headers].join("\r\n"));
  const cookie = `Cookie: ${alice.session.cookie}`;
  expect(await upgrade("/live", [cookie])).toContain("cross-site");
  expect(await upgrade("/live", [cookie, "Origin: https://evil.example"])).toContain("cross-site");
  expect(await upgrade("/live", [`Origin: ${http.base}`])).toContain("not-signed-in");
  expect(await upgrade("/live", [`Origin: ${http.base}`, `${cookie}x`])).toContain("not-signed-in");
  expect(await upgrade("/other", [`Origin: ${http.base}`, cookie])).toContain("not-found");
  expect(names).toEqual([]);
  expect(await upgrade("/live", [`Origin: ${http.base}`, cookie])).toContain("418");
  expect(names).toEqual(["Alice"]);
});

test("R52: agents' links are told the address behind a trusted proxy only", async () => {
  const seen: string[] = [];
  const onAgent: Parameters<typeof openHttp>[0] = {
    onAgent: (socket, address) => {
      seen.push(address);
      socket.destroy();
    },
  };
  const agent =
    "GET /agent/link HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Forwarded-For: 6.6.6.6, 198.51.100.7";
  await using direct = await openHttp(onAgent);
  await direct.raw(agent);
  await using proxied = await openHttp({ ...onAgent, trusted: ["127.0.0.1"] });
  await proxied.raw(agent);
  expect(seen).toEqual(["127.0.0.1", "198.51.100.7"]);
});
