import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { access, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Exec, type ExecRequest, type ExecResult, exec, succeeded } from "./exec.ts";
import { createGit, type GitCredentials } from "./git.ts";
import { readBlob } from "./git-blob.ts";
import { explainGitFailure } from "./git-failure.ts";
import { type GitSettings, inputSettings } from "./git-inputs.ts";

const secret = "s3cret/t+ken";
const env = { PATH: process.env.PATH };
let folder: string;
let origin: string;
let commit: string;
const cleanups: (() => Promise<void> | void)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "git-"));
  origin = join(folder, "origin.git");
  const author = ["-c", "user.name=Ada", "-c", "user.email=ada@fleet.example"];
  const git = createGit({ exec, env });
  const work = join(folder, "work");
  await git(["init", "--quiet", work]);
  await writeFile(join(work, "flake.nix"), "{ }\n");
  await git(["add", "."], { cwd: work });
  await git([...author, "commit", "--quiet", "-m", "first"], { cwd: work });
  commit = (await git(["rev-parse", "HEAD"], { cwd: work })).stdout.trim();
  await createGit({ exec, env, repoUrl: work })(["clone", "--quiet", "--bare", work, origin]);
  await git(["update-server-info"], { cwd: origin });
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await rm(folder, { recursive: true, force: true });
});

/** Serves the origin over http to whoever gives the credentials `me:<secret>`. */
async function serveOrigin(): Promise<{ url: string; server: Server }> {
  const expected = `Basic ${Buffer.from(`me:${secret}`).toString("base64")}`;
  const server = createServer((request, response) => {
    if (request.headers.authorization !== expected) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
      return;
    }
    const path = new URL(request.url ?? "/", "http://h").pathname.replace(/^\/origin\.git/, "");
    readFile(join(origin, path)).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/origin.git`, server };
}

/** Clones, and keeps every argument and environment variable that was given to a process. */
async function clone(url: string, credentials: GitCredentials = {}, more: Record<string, string> = {}) {
  const requests: ExecRequest[] = [];
  const recording: Exec = (request) => {
    requests.push(request);
    return exec(request);
  };
  const target = join(folder, "clone");
  const git = createGit({ exec: recording, env: { ...env, ...more }, repoUrl: url, credentials });
  const result = await git(["clone", "--quiet", "--end-of-options", url, target]);
  return { result, target, requests };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

test("R32: credentials come from their file aloneand appear in no argument, no .git/config and no message", async () => {
  const { url } = await serveOrigin();
  const credentialsFile = join(folder, "my 'odd' credentials");
  const line = `${url.replace("http://", `http://me:${encodeURIComponent(secret)}@`).replace("/origin.git", "")}\n`;
  await writeFile(credentialsFile, line, { mode: 0o600 });

  const { result, target, requests } = await clone(url, { credentialsFile });
  expect(result.stderr).toBe("");
  expect(succeeded(result)).toBe(true);
  const everywhere = [
    JSON.stringify(requests),
    await readFile(join(target, ".git/config"), "utf8"),
    result.stderr,
    result.stdout,
  ].join("\n");
  for (const form of [secret, encodeURIComponent(secret)]) expect(everywhere).not.toContain(form);
});

test("R32: a certificate of no known authority is refused, and no credential is sent to whoever has it", async () => {
  const [key, cert, credentialsFile] = [join(folder, "key.pem"), join(folder, "cert.pem"), join(folder, "credentials")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
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
      ...subject,
      "-keyout",
      key,
      "-out",
      cert,
    ],
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
  }).result;
  expect(succeeded(made), made.stderr).toBe(true);
  const asked: string[] = [];
  const server = createHttpsServer({ key: await readFile(key), cert: await readFile(cert) }, (request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => void server.close());
  const host = `localhost:${(server.address() as AddressInfo).port}`;
  await writeFile(credentialsFile, `https://me:s3cret@${host}\n`);

  const { result } = await clone(`https://${host}/origin.git`, { credentialsFile });
  expect(explainGitFailure(result.stderr)).toMatchObject({
    code: "repo-unreachable",
    sentence: expect.stringMatching(/certificate/i),
  });
  expect(asked).toEqual([]);
});

test("R32: a refused credential is reported as such, and stays in the user's file", async () => {
  const { url } = await serveOrigin();
  const credentialsFile = join(folder, "credentials");
  const line = `http://me:wrong-secret@${new URL(url).host}\n`;
  await writeFile(credentialsFile, line);

  const { result } = await clone(url, { credentialsFile });
  expect(explainGitFailure(result.stderr, url)).toMatchObject({ code: "auth-failed" });
  expect(result.stderr).not.toContain("wrong-secret");
  expect(await readFile(credentialsFile, "utf8")).toBe(line);
});

test("R32: without credentials the private repository is reported as such at once, and nobody is asked for any", async () => {
  const { url } = await serveOrigin();
  const asked = join(folder, "asked");
  const askpass = join(folder, "askpass");
  await writeFile(askpass, `#!/bin/sh\ntouch ${asked}\n`, { mode: 0o755 });
  const { result } = await clone(url, {}, { GIT_ASKPASS: askpass, SSH_ASKPASS: askpass });
  expect(explainGitFailure(result.stderr, url).code).toBe("auth-failed");
  expect(await exists(asked)).toBe(false);
});

test("R32: nothing of the user's or the system's git configuration has a say", async () => {
  const home = join(folder, "home");
  await mkdir(home);
  const marker = join(folder, "marker");
  await writeFile(
    join(home, ".gitconfig"),
    `[url "/nowhere/"]\n  insteadOf = /\n[core]\n  fsmonitor = "touch ${marker}; false"\n`,
  );
  const hostile = {
    HOME: home,
    GIT_CONFIG_GLOBAL: join(home, ".gitconfig"),
    GIT_SSH_COMMAND: `touch ${marker}`,
    GIT_DIR: "/nowhere",
  };
  const { result } = await clone(origin, {}, hostile);
  expect(succeeded(result)).toBe(true);
  expect(await exists(marker)).toBe(false);
});

test("R10: hooks, filters of fsmonitor and ssh commands of a clone do not run", async () => {
  const { target } = await clone(origin);
  const marker = join(folder, "marker");
  const git = createGit({ exec, env, repoUrl: origin });
  for (const hook of ["post-checkout", "reference-transaction", "post-merge", "pre-auto-gc"]) {
    const path = join(target, ".git/hooks", hook);
    await writeFile(path, `#!/bin/sh\ntouch ${marker}\n`);
    await chmod(path, 0o755);
  }
  const config = join(target, ".git/config");
  await writeFile(
    config,
    `${await readFile(config, "utf8")}[core]\n  fsmonitor = "touch ${marker}"\n  sshCommand = touch ${marker}\n`,
  );
  expect(succeeded(await git(["fetch", "--quiet", "origin"], { cwd: target }))).toBe(true);
  expect(succeeded(await git(["reset", "--quiet", "--hard", "origin/HEAD"], { cwd: target }))).toBe(true);
  expect((await git(["status", "--porcelain"], { cwd: target })).stdout).toBe("");
  expect(await exists(marker)).toBe(false);
});

test("R10: only the transport of the repository is open, whatever a clone's remote says", async () => {
  const { target } = await clone(origin);
  const marker = join(folder, "marker");
  const git = createGit({ exec, env, repoUrl: "https://h.example/r" });
  for (const url of [`ext::sh -c touch% ${marker}`, origin, "http://127.0.0.1:1/r", "ssh://127.0.0.1:1/r"]) {
    await git(["remote", "set-url", "origin", url], { cwd: target });
    const result = await git(["fetch", "origin"], { cwd: target });
    expect(result.stderr).toMatch(/transport '\w+' not allowed/);
  }
  expect(await exists(marker)).toBe(false);
});

test("a missing branch and a repository that is not there are told apart", async () => {
  const git = createGit({ exec, env, repoUrl: origin });
  const target = (await clone(origin)).target;
  const branch: ExecResult = await git(["fetch", "--quiet", "origin", "--", "refs/heads/nope"], { cwd: target });
  expect(explainGitFailure(branch.stderr).code).toBe("branch-missing");
  await rm(origin, { recursive: true });
  expect(explainGitFailure((await git(["fetch", "--quiet", "origin"], { cwd: target })).stderr).code).toBe("repo-unreachable");
});

/** Where Debian, NixOS and macOS have it; the tests that need it are left out where it is not. */
const sshd = [...(env.PATH ?? "").split(":"), "/usr/sbin"].map((place) => join(place, "sshd")).find((path) => existsSync(path));

/** A real ssh server on loopback that takes the client's key, if it is given one to take. */
async function serveSsh(takes: boolean): Promise<{ url: string; port: number; sshKeyFile: string; hostKey: string }> {
  const key = async (name: string) => {
    const path = join(folder, name);
    const made = await exec({ argv: ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], env: { PATH: env.PATH ?? "" } })
      .result;
    expect(succeeded(made)).toBe(true);
    return { path, line: (await readFile(`${path}.pub`, "utf8")).split(" ").slice(0, 2).join(" ") };
  };
  const [host, client] = [await key("host_key"), await key("client key")];
  await writeFile(join(folder, "authorized"), takes ? `${client.line}\n` : "");
  const port = await freePort();
  const config = [
    `HostKey "${host.path}"`,
    `AuthorizedKeysFile "${join(folder, "authorized")}"`,
    "ListenAddress 127.0.0.1",
    `Port ${port}`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "PidFile none",
  ];
  await writeFile(join(folder, "sshd_config"), `${config.join("\n")}\n`);
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true }); // where sshd parks itself; Debian makes it at boot
  const server = spawn(sshd ?? "", ["-D", "-e", "-f", join(folder, "sshd_config")], { stdio: ["ignore", "ignore", "pipe"] });
  cleanups.push(async () => {
    server.kill("SIGTERM");
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
  });
  let said = "";
  for await (const chunk of server.stderr) {
    said += chunk;
    if (said.includes("Server listening")) break;
  }
  expect(said).toContain("Server listening");
  const url = `ssh://${userInfo().username}@127.0.0.1:${port}${origin}`;
  return { url, port, sshKeyFile: client.path, hostKey: `[127.0.0.1]:${port} ${host.line}` };
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test.runIf(sshd !== undefined)(
  "R32: an ssh host key is verified against the given file: unknown, changed and known",
  async () => {
    const { url, port, sshKeyFile, hostKey } = await serveSsh(true);
    const knownHostsFile = join(folder, "known 100% hosts");
    const attempt = async (content: string) => {
      await writeFile(knownHostsFile, content);
      return clone(url, { sshKeyFile, knownHostsFile });
    };
    const wrongKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    expect(explainGitFailure((await attempt("")).result.stderr).code).toBe("host-key-unknown");
    expect(explainGitFailure((await attempt(`[127.0.0.1]:${port} ${wrongKey}\n`)).result.stderr).code).toBe("host-key-unknown");
    expect(await readFile(knownHostsFile, "utf8")).not.toContain(hostKey);

    const { result, target } = await attempt(`${hostKey}\n`);
    expect(result.stderr).toBe("");
    const head = await createGit({ exec, env })(["rev-parse", "HEAD"], { cwd: target });
    expect(head.stdout.trim()).toBe(commit);
  },
);

/** A git as Nix starts it for an input: with its user's settings, and what it gets with its environment. */
async function fetchInput(url: string, { env: added, config }: GitSettings, home: string) {
  const pairs = config.flatMap(([name, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, name] as const,
    [`GIT_CONFIG_VALUE_${index}`, value] as const,
  ]);
  const git = { GIT_CONFIG_COUNT: String(config.length), ...Object.fromEntries(pairs), GIT_TERMINAL_PROMPT: "0" };
  const target = await mkdtemp(join(folder, "input-"));
  const { result } = exec({
    argv: ["git", "clone", "--quiet", url, target],
    env: { PATH: env.PATH ?? "", HOME: home, LC_ALL: "C", GIT_CONFIG_NOSYSTEM: "1", ...git, ...added },
  });
  return result;
}

test.runIf(sshd !== undefined)(
  "R76: an input on the repository's own ssh server is fetched with its key and host keys; on any other, as its user does it",
  async () => {
    const { url, sshKeyFile, hostKey } = await serveSsh(true);
    const knownHostsFile = join(folder, "known hosts");
    await writeFile(knownHostsFile, `${hostKey}\n`);
    const home = join(folder, "home");
    await mkdir(home);
    const marker = join(folder, "own-ssh");
    await writeFile(join(home, ".gitconfig"), `[core]\n  sshCommand = "echo >>${marker}; false"\n`);
    const settings = inputSettings("ssh://git@127.0.0.1/config.git", { sshKeyFile, knownHostsFile });

    expect(await fetchInput(url, settings, home)).toMatchObject({ stderr: "", end: { exitCode: 0 } });
    expect(await exists(marker)).toBe(false);

    expect(succeeded(await fetchInput(url.replace("127.0.0.1", "localhost"), settings, home))).toBe(false);
    expect(await exists(marker)).toBe(true);
    expect(inputSettings("https://h.example/r", { sshKeyFile, knownHostsFile })).toEqual({ env: {}, config: [] });
    expect(inputSettings("git@h.example:r.git", {})).toEqual({ env: {}, config: [] });
  },
);

test("R76: an input on a web server that the credentials file names is fetched with these, and nothing of them is in a setting", async () => {
  const { url } = await serveOrigin();
  const credentialsFile = join(folder, "credentials of git");
  await writeFile(credentialsFile, `${url.replace("://", `://me:${encodeURIComponent(secret)}@`).replace("/origin.git", "")}\n`);
  const home = join(folder, "nobody");
  expect(explainGitFailure((await fetchInput(url, { env: {}, config: [] }, home)).stderr).code).toBe("auth-failed");
  const settings = inputSettings("ssh://git@h.example/config.git", { credentialsFile });
  expect(await fetchInput(url, settings, home)).toMatchObject({ stderr: "", end: { exitCode: 0 } });
  expect(JSON.stringify(settings)).not.toContain("s3cret");
});

test.runIf(sshd !== undefined)("R32: a key that the ssh server does not take is reported as such", async () => {
  const { url, sshKeyFile, hostKey } = await serveSsh(false);
  const knownHostsFile = join(folder, "known_hosts");
  await writeFile(knownHostsFile, `${hostKey}\n`);
  const { result } = await clone(url, { sshKeyFile, knownHostsFile });
  expect(explainGitFailure(result.stderr, url)).toMatchObject({ code: "auth-failed" });
});

test("A file of a repository comes with its very bytes, up to a limit", async () => {
  const work = join(folder, "work");
  const git = createGit({ exec, env });
  const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x0d, 0x0a, 0xc3]);
  await writeFile(join(work, "file"), bytes);
  const id = (await git(["hash-object", "-w", "file"], { cwd: work })).stdout.trim();
  expect(await readBlob(git, id, bytes.length, { cwd: work })).toEqual({ kind: "bytes", bytes });
  expect(await readBlob(git, id, bytes.length - 1, { cwd: work })).toEqual({ kind: "too-large" });
  expect(await readBlob(git, "HEAD:missing", 10, { cwd: work })).toMatchObject({ kind: "failed" });
});
