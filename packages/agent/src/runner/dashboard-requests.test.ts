import { expect, test } from "vitest";
import { createTestProxy } from "../link/proxy.fixture.ts";
import { createConfirmDashboard, SECRET } from "./confirm-dashboard.fixture.ts";
import { requestConfirmation, requestHealth } from "./dashboard-requests.ts";

const { signal } = new AbortController();
const RUN = "01jd0000000000000000000000" as Parameters<typeof requestConfirmation>[1]["runId"];
const CREDENTIALS = `Basic ${Buffer.from("ada:secret of the proxy").toString("base64")}`;
const url = "http://fleet.test/fleet";

async function host(credentials?: string) {
  const dashboard = await createConfirmDashboard();
  const proxy = await createTestProxy({ "fleet.test:80": Number(new URL(dashboard.url).port) }, credentials);
  const env = { http_proxy: `http://ada:secret%20of%20the%20proxy@127.0.0.1:${proxy.port}`, no_proxy: ".elsewhere" };
  return { dashboard, proxy, env };
}

test("R37: where only a proxy leads out, a switch is confirmed through it, by the proxy's user name and password", async () => {
  const { dashboard, proxy, env } = await host(CREDENTIALS);
  expect(await requestConfirmation({ url, env }, { runId: RUN, secret: SECRET, signal })).toEqual({ kind: "yes" });
  expect(await requestHealth({ url, env }, signal)).toEqual({ kind: "yes" });
  expect(proxy.requests).toEqual([1, 2].map(() => ({ authority: "fleet.test:80", authorization: CREDENTIALS })));
  expect(dashboard.requests.map(({ path, authorization }) => ({ path, authorization }))).toEqual([
    { path: `/fleet/agent/runs/${RUN}/confirm`, authorization: `Bearer ${SECRET}` },
    { path: "/fleet/health", authorization: undefined },
  ]);
});

test("R37: what no_proxy names is not asked for through the proxy", async () => {
  const { proxy, env } = await host();
  expect(await requestHealth({ url: "http://fleet.elsewhere", env }, signal)).toMatchObject({ kind: "no", path: "none" });
  expect(proxy.requests).toEqual([]);
});

test("R37: a proxy that finds no dashboard proves that the host is in reach; one that is gone or refuses proves nothing", async () => {
  const { proxy, env } = await host();
  for (const [refuse, path] of [
    [502, "dashboard-away"],
    [503, "dashboard-away"],
    [504, "dashboard-away"],
    [403, "none"],
    [407, "none"],
    [500, "none"],
  ] as const) {
    proxy.refuse = refuse;
    const answer = await requestHealth({ url, env }, signal);
    expect(answer).toEqual({ kind: "no", reason: expect.stringContaining(`(HTTP ${refuse})`), path });
    expect(JSON.stringify(answer)).not.toContain("secret of the proxy");
  }
  const nobody = await requestHealth({ url, env: { http_proxy: "http://ada:secret@127.0.0.1:1" } }, signal);
  expect(nobody).toEqual({
    kind: "no",
    reason: "the proxy 127.0.0.1:1 (http_proxy) cannot be reached: ECONNREFUSED",
    path: "none",
  });
});

test("a request ends with its signal, also while the proxy has not answered", async () => {
  const { proxy, env } = await host();
  proxy.refuse = "silence";
  const stop = new AbortController();
  const asked = requestHealth({ url, env }, stop.signal);
  stop.abort();
  expect(await asked).toMatchObject({ kind: "no", path: "none" });
});
