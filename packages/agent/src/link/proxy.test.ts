import { expect, test } from "vitest";
import { proxySecrets, routeTo } from "./proxy.ts";

const proxy = "http://proxy.example:3128";

function usesProxy(address: string, no_proxy: string): boolean {
  return routeTo(address, { https_proxy: proxy, no_proxy }).kind === "proxy";
}

test.each([
  [{ https_proxy: "http://a:1", http_proxy: "http://b:2" }, "wss://fleet.example", "a:1"],
  [{ https_proxy: "http://a:1", http_proxy: "http://b:2" }, "ws://fleet.example", "b:2"],
  [{ https_proxy: "http://a:1", HTTPS_PROXY: "http://b:2" }, "https://fleet.example", "a:1"],
  [{ https_proxy: " ", HTTPS_PROXY: "http://b:2" }, "https://fleet.example", "b:2"],
  [{ all_proxy: "http://c:3" }, "https://fleet.example", "c:3"],
  [{ HTTP_PROXY: "http://d:4" }, "http://fleet.example", "d:4"],
  [{ https_proxy: "e:5" }, "https://fleet.example", "e:5"],
  [{ https_proxy: "http://f:80/" }, "https://fleet.example", "f:80"],
  [{ https_proxy: "http://[fd00::1]:3128" }, "https://fleet.example", "fd00::1:3128"],
  // curl's own port where none is named: git asks the same proxy.
  [{ https_proxy: "http://g" }, "https://fleet.example", "g:1080"],
  [{ https_proxy: "https://h" }, "https://fleet.example", "h:443"],
] as const)("%j: %s goes through %s", (env, address, expected) => {
  const route = routeTo(address, env);
  expect(route.kind === "proxy" && `${route.proxy.host}:${route.proxy.port}`).toBe(expected);
});

test.each([
  ["", true],
  ["*", false],
  ["fleet.example", false],
  ["FLEET.example", false],
  ["example", false],
  [".example", false],
  ["*.example", false],
  ["a.fleet.example", true],
  ["leet.example", true],
  [".", true],
  ["localhost, 127.0.0.1,fleet.example", false],
  ["localhost fleet.example", false],
  ["fleet.example:443", false],
  ["fleet.example:8443", true],
])("no_proxy=%j: whether https://fleet.example uses the proxy: %s", (list, expected) => {
  expect(usesProxy("https://fleet.example", list)).toBe(expected);
});

test.each([
  ["https://10.1.2.3", "10.0.0.0/8", false],
  ["https://10.1.2.3", "10.1.2.4/32", true],
  ["https://10.1.2.3", "10.1.2.3", false],
  ["https://10.1.2.3:8443", "10.1.2.3:8443", false],
  ["https://10.1.2.3", "10.1.2.1-10.1.2.9", false],
  ["https://10.1.2.3", "10.1.2.9-10.1.2.1", true],
  ["https://10.1.2.3", "10.0.0.0/99", true],
  ["https://10.1.2.3", ".2.3", true],
  ["https://[fd00::5]", "fd00::/16", false],
  ["https://[fd00::5]:8443", "[fd00::5]:8443", false],
  ["https://[fd00::5]", "10.0.0.0/8", true],
])("%s with no_proxy=%s: whether it uses the proxy: %s", (address, list, expected) => {
  expect(usesProxy(address, list)).toBe(expected);
});

test("a dashboard on this machine is never asked for through a proxy, which would look for it on its own", () => {
  for (const address of ["http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]:3000", "http://fleet.localhost"]) {
    expect(routeTo(address, { http_proxy: proxy })).toEqual({ kind: "direct" });
  }
});

test("a proxy that cannot be used leaves the straight way, and the reason shows nothing of what the variable holds", () => {
  const socks = routeTo("https://fleet.example", { all_proxy: "socks5://ada:secret@proxy.example:1080" });
  expect(socks).toEqual({
    kind: "direct",
    fault: "all_proxy is not used: a proxy of the kind socks5 cannot be spoken to, only http and https",
  });
  expect(routeTo("https://fleet.example", { https_proxy: "http://ada:secret@:x:y" })).toEqual({
    kind: "direct",
    fault: "https_proxy is not used: it is no address of a proxy",
  });
});

test("R58: user name and password of a proxy go into its header, and are known as secrets in each form", () => {
  const env = { https_proxy: "http://ada:p%40ss-w0rd@proxy.example:3128", all_proxy: "socks5://bob:other-secret@x:1" };
  const header = Buffer.from("ada:p@ss-w0rd").toString("base64");
  const route = routeTo("https://fleet.example", env);
  expect(route.kind === "proxy" && route.proxy.authorization).toBe(`Basic ${header}`);
  expect(route.kind === "proxy" && route.proxy.port).toBe(3128);
  expect(proxySecrets(env)).toEqual(expect.arrayContaining(["p%40ss-w0rd", "p@ss-w0rd", header, "other-secret"]));
  expect(proxySecrets({ https_proxy: proxy, no_proxy: "x" })).toEqual([]);
});
