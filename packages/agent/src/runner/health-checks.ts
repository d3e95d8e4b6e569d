import { type ClientRequest, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { describeEnd, type Exec, succeeded } from "@nixfleet/runtime";
import { NETWORK_VARIABLES, pickVariables } from "../environment.ts";
import type { HealthCheck } from "../settings.ts";

export interface HealthCheckDeps {
  exec: Exec;
  env: Readonly<Record<string, string | undefined>>;
  signal: AbortSignal;
}

/**
 * Does all checks once and gives what does not hold, each with the check's name. Sockets are tried at the same time, programs
 * one after the other, so that the run always knows the one that is running.
 */
export async function failingHealthChecks(checks: readonly HealthCheck[], deps: HealthCheckDeps): Promise<string[]> {
  const results = Promise.all(checks.filter((check) => check.kind !== "command").map((check) => runCheck(check, deps)));
  const faults: (string | undefined)[] = [];
  for (const check of checks) if (check.kind === "command") faults.push(await runCheck(check, deps));
  return [...(await results), ...faults].filter((fault) => fault !== undefined);
}

async function runCheck(check: HealthCheck, deps: HealthCheckDeps): Promise<string | undefined> {
  const fault = await checkOnce(check, deps);
  return fault === undefined ? undefined : `${nameOf(check)}: ${fault}`;
}

function nameOf(check: HealthCheck): string {
  if (check.name !== undefined) return check.name;
  switch (check.kind) {
    case "http":
      return withoutCredentials(check.url);
    case "tcp":
      return `${check.host}:${check.port}`;
    case "command":
      return check.argv[0] ?? "command";
  }
}

async function checkOnce(check: HealthCheck, deps: HealthCheckDeps): Promise<string | undefined> {
  const limit = AbortSignal.timeout(check.timeout * 1000);
  const signal = AbortSignal.any([deps.signal, limit]);
  const fault = await attempt(check, { ...deps, signal });
  if (fault === undefined) return undefined;
  return limit.aborted ? `no answer within ${check.timeout} s` : fault;
}

function attempt(check: HealthCheck, deps: HealthCheckDeps): Promise<string | undefined> {
  switch (check.kind) {
    case "http":
      return checkHttp(check.url, check.status, deps.signal);
    case "tcp":
      return checkTcp(check, deps.signal);
    case "command":
      return checkCommand(check.argv, deps);
  }
}

/** A redirect is an answer and is not followed. Certificates are verified. */
function checkHttp(url: string, wanted: number | undefined, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    let request: ClientRequest;
    try {
      const start = new URL(url).protocol === "https:" ? httpsRequest : httpRequest;
      request = start(url, { agent: false, signal });
    } catch (error) {
      resolve((error as Error).message);
      return;
    }
    request.once("response", (response) => {
      const status = response.statusCode ?? 0;
      const isGood = wanted === undefined ? status >= 200 && status < 400 : status === wanted;
      request.destroy();
      resolve(isGood ? undefined : `it answers ${status}${wanted === undefined ? "" : ` instead of ${wanted}`}`);
    });
    request.on("error", (error) => resolve(error.message));
    request.end();
  });
}

function checkTcp({ host, port }: { host: string; port: number }, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve("stopped");
      return;
    }
    const socket = connect({ host, port });
    const stop = () => socket.destroy(new Error("stopped"));
    signal.addEventListener("abort", stop, { once: true });
    socket.once("connect", () => {
      resolve(undefined);
      socket.destroy();
    });
    socket.on("error", (error) => resolve(error.message));
    socket.once("close", () => signal.removeEventListener("abort", stop));
  });
}

async function checkCommand(argv: readonly string[], { exec, env, signal }: HealthCheckDeps): Promise<string | undefined> {
  const result = await exec({
    argv: argv as [string, ...string[]],
    env: pickVariables(env, ["PATH", "HOME", "LANG", ...NETWORK_VARIABLES]),
    cwd: "/",
    signal,
    endLeftovers: true,
    captureBytes: 4096,
  }).result;
  if (succeeded(result)) return undefined;
  const said = (result.stderr.trim() || result.stdout.trim()).split("\n").at(-1)?.slice(0, 500);
  return said ? `${describeEnd(result.end)}: ${said}` : describeEnd(result.end);
}

/** A name for the log: a URL's user and password are no part of it. */
function withoutCredentials(text: string): string {
  const url = new URL(text);
  url.username = "";
  url.password = "";
  return url.href;
}
