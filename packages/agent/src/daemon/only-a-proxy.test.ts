import { expect, test } from "vitest";
import { createTestProxy, createTlsFront } from "../link/proxy.fixture.ts";
import { createAgentHost } from "./agent.fixture.ts";

const PASSWORD = "p@ss-w0rd-of-the-proxy";

test("R26 R32 R58: where only a proxy leads out, link and check go through it, TLS is verified at its end, and its password stays hidden", async () => {
  await using host = await createAgentHost();
  const front = await createTlsFront(host.root, "fleet.test", Number(new URL(host.dashboard.url).port));
  const credentials = `Basic ${Buffer.from(`ada:${PASSWORD}`).toString("base64")}`;
  const proxy = await createTestProxy({ "fleet.test:443": front.port }, credentials);
  const env = {
    NIXFLEET_URL: "https://fleet.test",
    https_proxy: `http://ada:${encodeURIComponent(PASSWORD)}@127.0.0.1:${proxy.port}`,
  };
  await host.repo.commit("begin", { "README.md": "x" });

  const unknown = host.start(["check"], env);
  await unknown.ended;
  expect(unknown.stdout()).toMatch(/FAIL {2}tls .*self-signed certificate, through the proxy of https_proxy/);

  const known = { ...env, NODE_EXTRA_CA_CERTS: front.certificate };
  const daemon = host.start(["run", "--runner=spawn"], known);
  await host.dashboard.until(() => host.dashboard.connected);
  const checked = host.start(["check"], known);
  await checked.ended;
  for (const name of ["tls", "websocket", "token", "clock"]) expect(checked.stdout()).toMatch(new RegExp(`^ok {4}${name} `, "m"));
  const asked = new Set(proxy.requests.map(({ authority }) => authority));
  expect([...asked]).toEqual(["fleet.test:443"]);
  for (const { authorization } of proxy.requests) expect(authorization).toBe(credentials);

  proxy.refuse = 403;
  await host.dashboard.goAway();
  const refused = host.start(["check"], known);
  await refused.ended;
  expect(refused.stdout()).toContain(
    `The proxy 127.0.0.1:${proxy.port} (https_proxy) does not connect to the dashboard (HTTP 403).`,
  );
  const said = [daemon, unknown, checked, refused].map((agent) => agent.stdout() + agent.stderr()).join("");
  for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), credentials]) expect(said).not.toContain(secret);
});
