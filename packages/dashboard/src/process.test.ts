import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LIVE_CLOSE, LIVE_SUBPROTOCOL } from "@nixfleet/protocol";
import { createFleetSimulator, createTempDir } from "@nixfleet/testkit";
import { freePort } from "@nixfleet/testkit/built-programs";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { callAs, PASSWORD, signIn } from "./dashboard.fixture.ts";
import { hashPassword } from "./people/index.ts";
import { parsePasswordHash } from "./people/password-hash.ts";
import { runProgram, startProcess } from "./process.fixture.ts";

const cheapHash = () => hashPassword(PASSWORD, randomBytes, { memory: 64, passes: 1, parallelism: 1 });

test("wrong settings: every fault at once, each with its name and a fix, exit 2, and nothing is made", async () => {
  await using folder = await createTempDir();
  const { code, stdout, stderr } = await runProgram([], {
    NIXFLEET_DATA_DIR: join(folder.path, "data"),
    NIXFLEET_PORT: "eighty",
    NIXFLEET_ORIGIN: "fleet.example.org",
    NIXFLEET_ADMIN_PASSWORD_HASH: "hunter2hunter2",
    NIXFLEET_TRUSTED_PROXIES: "proxy",
    NIXFLEET_PROT: "8000",
  }).ended;
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  for (const name of ["PORT", "ORIGIN", "ADMIN_PASSWORD_HASH", "TRUSTED_PROXIES"]) {
    expect(stderr).toMatch(new RegExp(`^NIXFLEET_${name} .+\n {4}Set `, "m"));
  }
  expect(stderr).toContain("Did you mean NIXFLEET_PORT?");
  expect(stderr).not.toContain("hunter2");
  expect(await readdir(folder.path)).toEqual([]);
});

test("--help lists every setting, --version tells the version, and an unknown command exits with 2", async () => {
  const [help, version, command] = await Promise.all(
    [["--help"], ["--version"], ["serve"]].map((args) => runProgram(args, {}).ended),
  );
  expect(help?.code).toBe(0);
  for (const name of ["NIXFLEET_LISTEN", "NIXFLEET_REPO_URL", "NIXFLEET_LOG_KEEP_BYTES", "NIXFLEET_WEB_DIR", "_FILE"]) {
    expect(help?.stdout).toContain(name);
  }
  expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  expect(command?.code).toBe(2);
});

test("hash-password prints a hash that declares the administrator, and refuses a short password", async () => {
  const hashed = await runProgram(["hash-password"], {}, `${PASSWORD}\n`).ended;
  expect(hashed).toMatchObject({ code: 0, stderr: "" });
  expect(parsePasswordHash(hashed.stdout.trim())).toMatchObject({ ok: true });
  await using folder = await createTempDir();
  const hashFile = join(folder.path, "hash");
  await writeFile(hashFile, hashed.stdout);
  await using program = await startProcess({ NIXFLEET_DATA_DIR: folder.path, NIXFLEET_ADMIN_PASSWORD_HASH_FILE: hashFile });
  expect((await (await signIn(program.origin, "admin", PASSWORD)).call("session")).status).toBe(200);
  expect(program.output()).not.toContain("/setup#");
  expect(await runProgram(["hash-password"], {}, "short").ended).toMatchObject({ code: 2, stdout: "" });
});

test("R42: the setup link that is printed makes the administrator, who is there after a restart; a database of a newer version is refused", async () => {
  await using folder = await createTempDir();
  const env = { NIXFLEET_DATA_DIR: folder.path };
  await using first = await startProcess(env);
  const [, link = "", token = ""] = await first.says(/link: (\S+\/setup#(\S+))\n/);
  expect(link.startsWith(first.origin)).toBe(true);
  const made = await callAs(first.origin, null, "setup", { body: { token, name: "ada", password: PASSWORD } });
  expect(made.status).toBe(200);
  const cookie = made.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  expect(await first.stop("SIGINT")).toMatchObject({ code: 0 });
  await using second = await startProcess(env);
  expect((await callAs(second.origin, { cookie, csrf: "" }, "session")).status).toBe(200);
  expect(second.output()).not.toContain("/setup#");
  await second.stop();

  const database = new DatabaseSync(join(folder.path, "nixfleet.db"));
  database.exec("insert into kysely_migration (name, timestamp) values ('9999-later', '2030')");
  database.close();
  const refused = await runProgram([], { ...env, NIXFLEET_PORT: "0" }).ended;
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("newer version of NixFleet") });
  expect(refused.stderr).not.toContain("    at ");
});

test("R41: it starts while another program has locked its database, says so, and goes on when the lock is gone", async () => {
  await using folder = await createTempDir();
  const env = { NIXFLEET_DATA_DIR: folder.path, NIXFLEET_ADMIN_PASSWORD_HASH: await cheapHash() };
  await using first = await startProcess(env);
  expect(await first.stop()).toMatchObject({ code: 0 });
  const other = new DatabaseSync(join(folder.path, "nixfleet.db"));
  other.exec("begin immediate");
  await using second = await startProcess(env);
  const health = async () => (await fetch(`${second.origin}/health`)).status;
  expect(await health()).toBe(503);
  other.exec("rollback");
  other.close();
  const person = await signIn(second.origin, "admin", PASSWORD);
  expect((await person.call("session")).status).toBe(200);
});

test("a port that is taken, and a data directory that another dashboard works on, are told in a sentence, exit 1", async () => {
  await using folder = await createTempDir();
  await using first = await startProcess({ NIXFLEET_DATA_DIR: join(folder.path, "a") });
  const port = new URL(first.origin).port;
  const [taken, locked] = await Promise.all([
    runProgram([], { NIXFLEET_DATA_DIR: join(folder.path, "b"), NIXFLEET_PORT: port }).ended,
    runProgram([], { NIXFLEET_DATA_DIR: join(folder.path, "a"), NIXFLEET_PORT: "0" }).ended,
  ]);
  expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining("EADDRINUSE") });
  expect(locked).toMatchObject({ code: 1, stderr: expect.stringContaining(`Another dashboard (process ${first.pid})`) });
  for (const { stderr } of [taken, locked]) expect(stderr.trim().split("\n")).toHaveLength(1);
});

test("R48: at SIGTERM agents are told when to come back, browsers are sent away, a run goes on afterwards, and the process ends well", async () => {
  await using folder = await createTempDir();
  const env = { NIXFLEET_DATA_DIR: folder.path, NIXFLEET_ADMIN_NAME: "ada", NIXFLEET_ADMIN_PASSWORD_HASH: await cheapHash() };
  await using first = await startProcess(env);
  const ada = await signIn(first.origin, "ada", PASSWORD);
  const { token } = (await (await ada.call("addHost", { body: { name: "web1", platform: "nixos" } })).json()) as {
    token: string;
  };
  await using fleet = createFleetSimulator({
    url: first.link,
    hosts: [{ name: "web1", token }],
    backoff: { first: 20, longest: 50 },
  });
  fleet.start();
  await fleet.whenConnected();
  const browser = new WebSocket(`${first.origin.replace("http", "ws")}/live`, LIVE_SUBPROTOCOL, {
    headers: { Cookie: ada.cookie, Origin: first.origin },
  });
  await once(browser, "open");
  const gone = once(browser, "close");
  // Somebody who sends a request and never ends it does not keep the process.
  const stalled = await fetchHalf(first.origin, ada);
  const started = (await (await ada.call("startRun", { params: { host: "web1" }, body: { op: "test" } })).json()) as {
    id: string;
  };

  // It ends with 1 if it does not stop within its limit, which is below 10 s.
  expect(await first.stop()).toMatchObject({ code: 0, stderr: expect.not.stringContaining("Error") });
  expect((await gone)[0]).toBe(LIVE_CLOSE.shuttingDown);
  expect(fleet.host("web1").goodbyes.at(-1)).toMatchObject({ code: "shutting-down", comeBackAfter: expect.any(Number) });
  stalled.destroy();

  await using second = await startProcess({ ...env, NIXFLEET_PORT: new URL(first.origin).port });
  await fleet.whenConnected();
  for (;;) {
    const { summary } = (await (await ada.call("run", { params: { run: started.id } })).json()) as {
      summary: { state: string };
    };
    if (summary.state === "succeeded") break;
    expect(summary.state).toBeOneOf(["starting", "running"]);
  }
  expect(fleet.host("web1").begun).toEqual([started.id]);
  expect(await second.stop()).toMatchObject({ code: 0 });
});

test("R38: whoever asks for a WebSocket and resets the connection before the answer ends nothing", async () => {
  await using folder = await createTempDir();
  await using program = await startProcess({ NIXFLEET_DATA_DIR: folder.path });
  const { hostname, port } = new URL(program.origin);
  const leave = async (path: string) => {
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    await once(socket, "connect");
    const lines = [`GET ${path} HTTP/1.1`, "Host: x", `Origin: ${program.origin}`, `Cookie: nixfleet=${"x".repeat(43)}`];
    await new Promise((sent) => socket.write([...lines, "Upgrade: websocket", "Connection: Upgrade", "", ""].join("\r\n"), sent));
    socket.resetAndDestroy();
  };
  for (const path of ["/live", "/other", "/agent/link"]) {
    await Promise.all(Array.from({ length: 30 }, () => leave(path)));
    expect((await fetch(`${program.origin}/health`)).status).toBe(200);
  }
  expect(await program.stop()).toMatchObject({ code: 0 });
});

test("R32, R58: no secret stands in the database, its side files, the log, an answer, or the process list", async () => {
  await using folder = await createTempDir();
  const gitPassword = randomBytes(12).toString("hex");
  const asked: string[] = [];
  // A git server that asks for a password and takes none: what git says of it is shown on the page.
  const gitServer = createServer((incoming, response) => {
    asked.push(incoming.headers.authorization ?? "");
    response.writeHead(401, { "WWW-Authenticate": 'Basic realm="git"' }).end();
  });
  gitServer.listen(0, "127.0.0.1");
  await once(gitServer, "listening");
  const { port } = gitServer.address() as AddressInfo;
  const credentials = join(folder.path, "credentials");
  await writeFile(credentials, `http://git:${gitPassword}@127.0.0.1:${port}\n`, { mode: 0o600 });
  const data = join(folder.path, "data");
  const hash = await cheapHash();
  await using program = await startProcess({
    NIXFLEET_DATA_DIR: data,
    NIXFLEET_LOG_LEVEL: "debug",
    NIXFLEET_REPO_URL: `http://127.0.0.1:${port}/config.git`,
    NIXFLEET_GIT_CREDENTIALS_FILE: credentials,
  });
  const [, setupToken = ""] = await program.says(/\/setup#(\S+)\n/);
  const first = await callAs(program.origin, null, "setup", {
    body: { token: setupToken, name: "ada", password: "the first password" },
  });
  const firstCookie = first.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const { csrf: firstCsrf } = (await first.json()) as { csrf: string };
  const change = { body: { current: "the first password", next: PASSWORD }, headers: { "Idempotency-Key": "change" } };
  expect((await callAs(program.origin, { cookie: firstCookie, csrf: firstCsrf }, "changePassword", change)).status).toBe(204);
  const ada = await signIn(program.origin, "ada", PASSWORD);
  await callAs(program.origin, null, "signIn", { body: { name: "ada", password: "a wrong password" } });
  await callAs(program.origin, null, "signIn", { body: { name: "typed as a name", password: "x" } });
  const add = { body: { name: "web1", platform: "nixos" }, headers: { "Idempotency-Key": "add" } };
  const added = (await (await ada.call("addHost", add)).json()) as { token: string };
  const rotate = { params: { host: "web1" }, headers: { "Idempotency-Key": "rotate" } };
  const rotated = (await (await ada.call("rotateToken", rotate)).json()) as { token: string };
  await using fleet = createFleetSimulator({
    url: program.link,
    hosts: [
      { name: "web1", token: rotated.token },
      { name: "old", token: added.token },
    ],
    backoff: { first: 10, longest: 20 },
  });
  fleet.start();
  await fleet.whenConnected(1);
  expect((await ada.call("refreshTarget")).status).toBe(200);
  expect(asked.filter((header) => header.startsWith("Basic "))).not.toEqual([]);

  const answers: string[] = [];
  for (const name of ["session", "sessions", "hosts", "host", "target", "audit", "runs"] as const) {
    answers.push(await (await ada.call(name, { params: { host: "web1" } })).text());
  }
  answers.push(await (await fetch(`${program.origin}/health`)).text(), await (await fetch(program.origin)).text());
  const processes = await commandLines();
  const live = await filesBelow(data);
  const { stdout, stderr } = await program.stop();
  const places = {
    log: stdout,
    "standard error": stderr.replaceAll(setupToken, ""),
    answers: answers.join("\n").replaceAll(ada.csrf, ""),
    "process list": processes,
    ...live,
    ...(await filesBelow(data)),
  };
  gitServer.close();
  const value = (cookie: string) => cookie.split("=")[1] ?? "";
  const secrets = {
    password: PASSWORD,
    "first password": "the first password",
    "wrong password": "a wrong password",
    "name that may be a password": "typed as a name",
    "git password": gitPassword,
    "git password in base64": Buffer.from(`git:${gitPassword}`).toString("base64"),
    "setup token": setupToken,
    session: value(ada.cookie),
    "first session": value(firstCookie),
    "CSRF token": ada.csrf,
    "host token": rotated.token.slice(-43),
    "old host token": added.token.slice(-43),
  };
  expect(Object.keys(places)).toEqual(expect.arrayContaining(["nixfleet.db", "nixfleet.db-wal"]));
  expect(hash).not.toBe("");
  for (const [place, text] of Object.entries(places)) {
    for (const [name, secret] of Object.entries(secrets)) {
      expect(secret.length).toBeGreaterThan(11);
      expect(text.includes(secret), `${name} in ${place}`).toBe(false);
    }
  }
});

/** A request whose body never ends. */
async function fetchHalf(origin: string, { cookie, csrf }: { cookie: string; csrf: string }) {
  const half = request(`${origin}/api/v1/password`, {
    method: "POST",
    headers: { Cookie: cookie, Origin: origin, "X-CSRF-Token": csrf },
  });
  half.on("error", () => {});
  half.write("{");
  const [socket] = (await once(half, "socket")) as [Socket];
  if (socket.connecting) await once(socket, "connect");
  return half;
}

async function commandLines(): Promise<string> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const texts = pids.map((pid) =>
    readFile(`/proc/${pid}/cmdline`, "utf8").catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ESRCH") return ""; // It has ended meanwhile.
      throw error;
    }),
  );
  return (await Promise.all(texts)).join("\n");
}

async function filesBelow(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const texts: Record<string, string> = {};
  for (const entry of entries.filter((found) => found.isFile())) {
    const path = join(entry.parentPath, entry.name);
    texts[path.slice(folder.length + 1)] = (await readFile(path)).toString("latin1");
  }
  return texts;
}

test("R41: a dashboard whose disk has no room at its start says so to whoever asks, and goes on once there is room", async () => {
  await using folder = await createTempDir();
  const port = await freePort();
  const env = { NIXFLEET_DATA_DIR: folder.path, NIXFLEET_PORT: String(port) };
  await using before = await startProcess(env);
  await before.stop();

  // As a full disk, no file may grow beyond a page: SQLite cannot make the file by which its connections share memory.
  const smallFiles = ["/bin/sh", "-c", 'ulimit -S -f 8 && exec "$0" "$@"'];
  await using program = runProgram([], env, "", smallFiles);
  await expect.poll(() => program.output()).toContain("The database cannot be opened; trying again");
  const health = await fetch(`http://127.0.0.1:${port}/health`);
  expect([health.status, await health.json()]).toMatchObject([503, { detail: expect.stringContaining("cannot be opened") }]);
  const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { Accept: "text/html,*/*" } });
  expect([page.status, page.headers.get("Content-Type")]).toEqual([503, "text/html; charset=utf-8"]);
  expect(await page.text()).toContain("The database cannot be opened");

  execFileSync("prlimit", [`--pid=${program.pid}`, "--fsize=unlimited"]);
  await expect.poll(() => program.output()).toContain("Listening on");
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  expect((await program.stop()).code).toBe(0);
});

test("a dashboard that waits for its disk ends when it is asked to", async () => {
  await using folder = await createTempDir();
  await using program = runProgram([], { NIXFLEET_DATA_DIR: folder.path, NIXFLEET_PORT: "0" }, "", [
    "/bin/sh",
    "-c",
    'ulimit -S -f 8 && exec "$0" "$@"',
  ]);
  await expect.poll(() => program.output()).toContain("The database cannot be opened; trying again");
  expect((await program.stop()).code).toBe(0);
});
