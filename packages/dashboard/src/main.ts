#!/usr/bin/env node
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { parseArgs } from "node:util";
import { BUILD_COMMIT, exec, formatFaults, messageOf, settingsHelp, systemClock } from "@nixfleet/runtime";
import manifest from "../package.json" with { type: "json" };
import { DASHBOARD_SETTINGS, type DashboardSettings, readConfig } from "./config.ts";
import { StartFault, startDashboard } from "./dashboard.ts";
import { createLogger } from "./logger.ts";
import { hashPassword } from "./people/index.ts";
import { readPassword } from "./read-password.ts";
import { keepHeapSmall } from "./small-heap.ts";
import { NewerSchemaError } from "./store/index.ts";

const HELP = `nixfleet-dashboard: the server that hosts connect to and people open.

Usage:
  nixfleet-dashboard                  start the server
  nixfleet-dashboard hash-password    read a password from standard input, print its hash
                                      for NIXFLEET_ADMIN_PASSWORD_HASH
  nixfleet-dashboard --help           show this help
  nixfleet-dashboard --version        show the version

Settings, from the environment:
${settingsHelp(DASHBOARD_SETTINGS)}
`;

/** Service managers wait at least 10 s (R48); the rest is for the process to exit. */
const STOP_TIMEOUT = 9000;

/** Exit codes: 0 success, 1 failed to start or crashed, 2 wrong usage or settings. */
async function main(args: readonly string[]): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return usage(messageOf(error));
  }
  const { values, positionals } = parsed;
  if (values.help) return print(HELP);
  if (values.version) return print(`${manifest.version}${BUILD_COMMIT === undefined ? "" : ` (${BUILD_COMMIT})`}\n`);
  const [command, ...rest] = positionals;
  if (rest.length > 0) return usage(`Unexpected argument ${JSON.stringify(rest[0])}.`);
  switch (command) {
    case undefined:
      return await run();
    case "hash-password":
      return await printHash();
    default:
      return usage(`Unknown command ${JSON.stringify(command)}.`);
  }
}

function parse(args: readonly string[]) {
  const options = { help: { type: "boolean", short: "h" }, version: { type: "boolean" } } as const;
  return parseArgs({ args: [...args], options, allowPositionals: true });
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function usage(fault: string): number {
  process.stderr.write(`${fault}\nSee nixfleet-dashboard --help.\n`);
  return 2;
}

async function printHash(): Promise<number> {
  const password = await readPassword(process.stdin, process.stderr);
  if (password.length < 12) return usage("The password must have at least 12 characters.");
  return print(`${await hashPassword(password, randomBytes)}\n`);
}

async function run(): Promise<number> {
  const config = readConfig(process.env, (path) => readFileSync(path, "utf8"));
  if (config.warnings.length > 0) process.stderr.write(`${formatFaults(config.warnings)}\n`);
  if (!config.ok) {
    process.stderr.write(`nixfleet-dashboard cannot start. Invalid settings:\n${formatFaults(config.faults)}\n`);
    return 2;
  }
  return await serve(config.settings);
}

async function serve(settings: DashboardSettings): Promise<number> {
  keepHeapSmall();
  const log = createLogger(settings.logLevel);
  // No message may end the process (R38). A promise that nobody awaits fails its own work only, and is logged.
  process.on("unhandledRejection", (error) => log.error({ err: error }, "Unhandled promise rejection"));

  const ending = new AbortController();
  const stopSignal = new Promise<string>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      process.on(name, () => {
        ending.abort();
        resolve(name);
      });
    }
  });
  try {
    const dashboard = await startDashboard(
      { settings, clock: systemClock, log, exec, env: process.env, version: manifest.version, randomBytes, random: Math.random },
      ending.signal,
    );
    log.info(
      { version: manifest.version, origin: dashboard.origin, address: settings.listen, port: dashboard.port },
      `Listening on ${isIPv6(settings.listen) ? `[${settings.listen}]` : settings.listen}:${dashboard.port}`,
    );
    process.stderr.write(`NixFleet ${manifest.version} is running at ${dashboard.origin}\n`);
    if (dashboard.setupUrl !== null) {
      process.stderr.write(`Create the administrator within an hour with this link: ${dashboard.setupUrl}\n`);
    }
    const reason = await stopSignal;
    log.info({ reason }, "Stopping");
    const limit = setTimeout(() => {
      log.error("Did not stop in time; exiting");
      process.exit(1);
    }, STOP_TIMEOUT);
    await dashboard.stop();
    clearTimeout(limit);
    log.info("Stopped");
    return 0;
  } catch (error) {
    if (ending.signal.aborted && error === ending.signal.reason) return 0;
    if (!(error instanceof StartFault) && !(error instanceof NewerSchemaError)) throw error;
    process.stderr.write(`nixfleet-dashboard cannot start. ${error.message}\n`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
