import { readFile, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { exec, succeeded } from "@nixfleet/runtime";
import { createGitFixture, createTempDir } from "@nixfleet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestDashboard, type TestDashboard } from "../daemon/dashboard.fixture.ts";
import { check } from "./check.ts";

const TOKEN = "nf_gate_0123456789-never-to-be-seen-0123456789abcdef";
let scope: AsyncDisposableStack;
let root: string;
let dashboard: TestDashboard;
let env: Record<string, string>;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  root = scope.use(await createTempDir()).path;
  const repo = await createGitFixture({ directory: join(root, "git") });
  await repo.commit("begin", { "README.md": "x" });
  dashboard = scope.use(await createTestDashboard(TOKEN));
  const bin = join(root, "bin");
  // A Nix that answers what is asked of it: whether the real one is installed must not matter here.
  const script = `#!/bin/sh\ncase "$1" in --version) echo "nix (Nix) 2.28.3";; *) echo "Store URL: daemon" >&2;; esac\n`;
  await repo.commit("x", { "bin/nix": { content: script, executable: true } });
  await exec({ argv: ["cp", "-r", join(repo.workTree, "bin"), bin], env: { PATH: process.env["PATH"] ?? "" } }).result;
  env = {
    PATH: `${bin}:${process.env["PATH"]}`,
    HOME: root,
    NIXFLEET_URL: dashboard.url,
    NIXFLEET_TOKEN: TOKEN,
    NIXFLEET_REPO_URL: repo.url,
    NIXFLEET_PLATFORM: "nixos",
    NIXFLEET_HOSTNAME: "gate",
    // Whatever service manager keeps this machine: it is not asked.
    NIXFLEET_SYSTEM_ROOT: join(root, "system"),
    NIXFLEET_STATE_DIR: join(root, "state"),
    NIXFLEET_RUNNER_DIR: join(root, "runner"),
  };
});
afterEach(() => scope[Symbol.asyncDispose]());

async function run(change: Record<string, string> = {}) {
  let text = "";
  const code = await check({ ...env, ...change }, (part) => {
    text += part;
  });
  const states = Object.fromEntries(
    text
      .split("\n")
      .filter((line) => /^(ok|FAIL|\?)/.test(line))
      .map((line) => line.trim().split(/\s+/))
      .map(([state, name]) => [name, state]),
  );
  return { code, text, states };
}
const names = [
  "configuration",
  "directories",
  "signing",
  "disk",
  "boot-loader",
  "tls",
  "websocket",
  "token",
  "clock",
  "git",
  "nix",
  "services",
];
const holds = Object.fromEntries(names.map((name) => [name, "ok"]));

test("R36: where all holds there is a line for each thing, and the exit code is 0", async () => {
  const { code, states } = await run();
  expect(states).toEqual(holds);
  expect(code).toBe(0);
});

test.each(["", "/", "/agent/link"])("R36: the address is accepted as http and ws, with the path %j", async (path) => {
  for (const url of [dashboard.url, dashboard.url.replace("http", "ws")]) {
    expect((await run({ NIXFLEET_URL: url + path })).states).toEqual(holds);
  }
});

test("R36: every wrong setting has its line and its fix, and what depends on it is not guessed", async () => {
  const { code, text, states } = await run({ NIXFLEET_URL: "ftp://x", NIXFLEET_BRANCH: "a..b", NIXFLEET_TOKENS: "x" });
  expect(code).toBe(1);
  expect(states).toMatchObject({ configuration: "FAIL", tls: "?", websocket: "?", token: "?", git: "?", nix: "ok" });
  expect(text).toContain("NIXFLEET_URL");
  expect(text).toContain("NIXFLEET_BRANCH");
  expect(text).toContain("Did you mean NIXFLEET_TOKEN?");
  expect(text.match(/fix: /g)).toHaveLength(2);
});

test("R36: a wrong token is reported as that, with a fix, and is not shown", async () => {
  const { code, text, states } = await run({ NIXFLEET_TOKEN: "nf_gate_another-one-that-is-wrong" });
  expect(code).toBe(1);
  expect(states).toEqual({ ...holds, token: "FAIL" });
  expect(text).toMatch(/fix: Replace token on this host's page/);
  expect(text).not.toContain("another-one");
});

test("R36: a server that opens no link, nobody listening, and a missing repository are told apart", async () => {
  expect((await run({ NIXFLEET_URL: `${dashboard.url}/elsewhere` })).states).toEqual({ ...holds, websocket: "FAIL", token: "?" });
  const { states, text } = await run({ NIXFLEET_REPO_URL: `file://${root}/nowhere.git`, NIXFLEET_URL: "http://127.0.0.1:1" });
  expect(states).toEqual({ ...holds, tls: "FAIL", websocket: "?", token: "?", clock: "?", git: "FAIL" });
  expect(text.match(/fix: /g)).toHaveLength(2);
});

test("R36: without Nix, or without the right to its store, that is reported with a fix", async () => {
  const withGit = join(root, "git-only");
  const link = await exec({
    argv: ["sh", "-c", `mkdir ${withGit} && ln -s "$(command -v git)" ${withGit}/git`],
    env: { PATH: process.env["PATH"] ?? "" },
  }).result;
  expect(succeeded(link)).toBe(true);
  const { code, states, text } = await run({ PATH: withGit });
  expect(code).toBe(1);
  expect(states).toEqual({ ...holds, nix: "FAIL" });
  expect(text).toMatch(/fix: Install Nix/);

  // As Nix 2.8 answers a user who may not use the daemon, and 2.26 whose store cannot be opened.
  const refusing = `#!/bin/sh\necho "Store URL: daemon" >&2\necho "error: cannot connect to socket: Permission denied" >&2\nexit 1\n`;
  await writeFile(join(root, "bin/nix"), refusing, { mode: 0o755 });
  const refused = await run();
  expect(refused.states).toEqual({ ...holds, nix: "FAIL" });
  expect(refused.text).toMatch(/nix +error: cannot connect to socket: Permission denied\n +fix: Check that nix-daemon runs/);
});

test("R32 R36: a certificate that is not trusted is refused with a fix, and the token is not sent", async () => {
  const [key, cert] = [join(root, "key.pem"), join(root, "cert.pem")];
  const made = await exec({
    argv: [
      "openssl",
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=localhost",
      "-keyout",
      key,
      "-out",
      cert,
    ],
    env: { PATH: process.env["PATH"] ?? "", HOME: root },
  }).result;
  expect(succeeded(made), made.stderr).toBe(true);
  const requests: string[] = [];
  const server = createHttpsServer({ key: await readFile(key), cert: await readFile(cert) }, (request, response) => {
    requests.push(JSON.stringify(request.headers));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { states, text } = await run({ NIXFLEET_URL: `https://localhost:${(server.address() as AddressInfo).port}` });
    expect(states).toEqual({ ...holds, tls: "FAIL", websocket: "?", token: "?", clock: "?" });
    expect(text).toMatch(/fix: Give the dashboard a certificate of a known authority/);
    expect(requests).toEqual([]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("R36: what could not be looked at is not taken for good: a dashboard that tells no time is enough for exit code 1", async () => {
  const server = createHttpServer((_, response) => {
    response.sendDate = false;
    response.end();
  });
  const aim = new URL(dashboard.url);
  // All but its clock is as it must be: the link continues to the dashboard.
  server.on("upgrade", (request, socket, head) => {
    const onward = connect(Number(aim.port), aim.hostname, () => {
      const headers = request.rawHeaders.flatMap((name, i, all) => (i % 2 === 0 ? [`${name}: ${all[i + 1]}`] : []));
      onward.write(`${[`GET ${request.url} HTTP/1.1`, ...headers].join("\r\n")}\r\n\r\n`);
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [socket, onward]) end.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { code, states } = await run({ NIXFLEET_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    expect(states).toEqual({ ...holds, clock: "?" });
    expect(code).toBe(1);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("a redirect is not followed, since the token would go with it; its aim is named", async () => {
  const server = createHttpServer();
  server.on("upgrade", (_, socket) => {
    socket.end("HTTP/1.1 301 Moved Permanently\r\nLocation: https://fleet.example/agent/link?x=1\r\nConnection: close\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { text, states } = await run({ NIXFLEET_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    expect(states).toMatchObject({ websocket: "FAIL" });
    expect(text).toContain("HTTP 301 instead of opening the link and points to https://fleet.example");
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
