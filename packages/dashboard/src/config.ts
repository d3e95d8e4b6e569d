import { BlockList, isIP } from "node:net";
import { resolve } from "node:path";
import {
  defineSettings,
  GIT_SETTINGS,
  messageOf,
  oneOf,
  readSettings,
  repoUrl,
  type SettingFault,
  type SettingsOf,
  type SettingsResult,
  wholeNumber,
} from "@nixfleet/runtime";
import * as z from "zod";
import { parsePasswordHash } from "./people/index.ts";

const GIB = 1024 ** 3;

/** Scheme, host and port of an http(s) URL, as browsers send it in `Origin`. */
const origin = z
  .string()
  .refine((text) => originOf(text) !== null, "an http or https address without a path is expected")
  .transform((text) => originOf(text) ?? text);

function originOf(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return null;
  const bare = url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  return bare ? url.origin : null;
}

const ipAddress = z.string().refine((text) => isIP(text) !== 0, "an IP address is expected, such as 0.0.0.0 or ::");

/** Addresses and networks in CIDR notation, separated by commas or white space. */
const networks = z.string().transform((text, context) => {
  const list = new BlockList();
  for (const word of text.split(/[\s,]+/).filter((part) => part !== "")) {
    const [address = "", prefix, ...rest] = word.split("/");
    const family = isIP(address) === 4 ? "ipv4" : isIP(address) === 6 ? "ipv6" : null;
    const length = prefix === undefined ? (family === "ipv4" ? 32 : 128) : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
    if (family === null || rest.length > 0 || length < 0 || length > (family === "ipv4" ? 32 : 128)) {
      context.addIssue({ code: "custom", message: `${word} is neither an IP address nor a network such as 10.0.0.0/8` });
    } else {
      list.addSubnet(address, length, family);
    }
  }
  return list;
});

const passwordHash = z.string().superRefine((text, context) => {
  const parsed = parsePasswordHash(text);
  if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.fault });
});

const FILE_SETTINGS = ["NIXFLEET_SSH_KEY_FILE", "NIXFLEET_KNOWN_HOSTS_FILE", "NIXFLEET_GIT_CREDENTIALS_FILE"] as const;

/** Every setting of the dashboard. */
export const DASHBOARD_SETTINGS = defineSettings({
  listen: {
    env: "NIXFLEET_LISTEN",
    schema: ipAddress,
    default: "127.0.0.1",
    help: "the address to listen on",
    example: "0.0.0.0",
  },
  port: {
    env: "NIXFLEET_PORT",
    schema: wholeNumber(0, 65_535),
    default: 8000,
    help: "the port to listen on; 0 lets the system choose",
  },
  origin: {
    env: "NIXFLEET_ORIGIN",
    schema: origin,
    help: "the address that people open, without a path; http://localhost:<port> when not set",
    example: "https://fleet.example.org",
  },
  dataDir: {
    env: "NIXFLEET_DATA_DIR",
    schema: z.string(),
    default: "./data",
    help: "the directory of the database and of the mirror of the config repository",
    example: "/var/lib/nixfleet",
  },
  repoUrl: {
    env: "NIXFLEET_REPO_URL",
    schema: repoUrl,
    help: "the config repository that hosts should run",
    example: "https://git.example.org/me/config.git",
  },
  ...GIT_SETTINGS,
  adminName: {
    env: "NIXFLEET_ADMIN_NAME",
    schema: z.string().trim().min(1, "a name is expected").max(60, "at most 60 characters are expected"),
    default: "admin",
    help: "the name of the administrator that NIXFLEET_ADMIN_PASSWORD_HASH declares",
  },
  adminPasswordHash: {
    env: "NIXFLEET_ADMIN_PASSWORD_HASH",
    schema: passwordHash,
    secret: true,
    help: "an argon2id hash, as `nixfleet-dashboard hash-password` prints it: declares the administrator",
  },
  fetchInterval: {
    env: "NIXFLEET_FETCH_INTERVAL",
    schema: wholeNumber(1, 86_400),
    default: 60,
    help: "seconds between two fetches of the config repository",
  },
  trustedProxies: {
    env: "NIXFLEET_TRUSTED_PROXIES",
    schema: networks,
    help: "addresses and networks of the reverse proxies whose X-Forwarded-For counts; none when not set",
    example: "127.0.0.1,10.0.0.0/8",
  },
  logLevel: {
    env: "NIXFLEET_LOG_LEVEL",
    schema: oneOf(["debug", "info", "warn", "error"]),
    default: "info",
    help: "the lowest level that is logged: debug, info, warn or error",
  },
  logKeepDays: {
    env: "NIXFLEET_LOG_KEEP_DAYS",
    schema: wholeNumber(1, 36_500),
    default: 365,
    help: "days for which the logs of runs are kept",
  },
  logKeepBytes: {
    env: "NIXFLEET_LOG_KEEP_BYTES",
    schema: wholeNumber(1024 ** 2, 1024 ** 5),
    default: 10 * GIB,
    help: "bytes that the logs of runs may take, as they are stored; the oldest go first",
  },
  logRunBytes: {
    env: "NIXFLEET_LOG_RUN_BYTES",
    schema: wholeNumber(1024 ** 2, 1024 ** 4),
    default: 256 * 1024 ** 2,
    help: "bytes of text that the log of one run may have; what follows is not kept, and the log says so",
  },
  logHostBytes: {
    env: "NIXFLEET_LOG_HOST_BYTES",
    schema: wholeNumber(1024 ** 2, 1024 ** 5),
    default: 2 * GIB,
    help: "bytes that the logs of one host may take, as they are stored; its oldest go first",
  },
  runKeepDays: {
    env: "NIXFLEET_RUN_KEEP_DAYS",
    schema: wholeNumber(1, 36_500),
    default: 730,
    help: "days for which runs are kept; deployments and what the audit trail names stay as a line each",
  },
  runKeepCount: {
    env: "NIXFLEET_RUN_KEEP_COUNT",
    schema: wholeNumber(100, 1_000_000),
    default: 10_000,
    help: "runs that are kept of each host, the newest",
  },
  notice: {
    env: "NIXFLEET_NOTICE",
    schema: z.string().trim().max(500, "at most 500 characters are expected"),
    help: "a sentence that is shown on every page",
  },
  webDir: {
    env: "NIXFLEET_WEB_DIR",
    schema: z.string().transform((path) => resolve(path)),
    default: resolve(import.meta.dirname, "../../web/dist"),
    help: "the directory of the built page",
  },
});

export type DashboardSettings = SettingsOf<typeof DASHBOARD_SETTINGS>;

/** Reads all settings and reports every fault at once, including files that cannot be read. */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): SettingsResult<typeof DASHBOARD_SETTINGS> {
  const read = readSettings(DASHBOARD_SETTINGS, env, readFile);
  const unreadable = FILE_SETTINGS.flatMap((name): SettingFault[] => {
    const path = env[name];
    if (!path?.startsWith("/")) return [];
    try {
      readFile(path);
      return [];
    } catch (error) {
      const fault = `names a file that cannot be read: ${messageOf(error)}`;
      return [{ name, fault, fix: "Name a file that this program's user may read." }];
    }
  });
  if (unreadable.length === 0) return read;
  return { ok: false, faults: [...(read.ok ? [] : read.faults), ...unreadable], warnings: read.warnings };
}
