import { homedir } from "node:os";
import { join } from "node:path";
import { DeviceType, HostName, OpName, Platform } from "@nixfleet/protocol";
import {
  absolutePath,
  defineSettings,
  GIT_SETTINGS,
  oneOf,
  onOff,
  repoUrl,
  type SettingsOf,
  wholeNumber,
  wordList,
} from "@nixfleet/runtime";
import * as z from "zod";
import { linkUrl } from "./link/link-url.ts";
import { LOG_LEVELS } from "./log.ts";
import { machineName } from "./machine-name.ts";

const dashboardUrl = z.string().transform((text, context) => {
  const read = linkUrl(text);
  if (read.ok) return text;
  context.addIssue(read.fault);
  return z.NEVER;
});

/** A raw token, or a line as systemd's environment files have it; white space around it is no part of it. */
const token = z
  .string()
  .transform((text) =>
    text
      .trim()
      .replace(/^NIXFLEET_TOKEN=(["']?)(.*)\1$/s, "$2")
      .trim(),
  )
  .pipe(z.string().regex(/^[\x21-\x7e]{8,512}$/, "one line of 8 to 512 visible ASCII characters is expected"));

const allowedOps = wordList.pipe(
  z.array(z.enum(OpName.options, { error: `ops are expected, out of ${OpName.options.join(", ")}` })),
);

const checkName = z.string().min(1).max(100);

/** A check that must hold after an activation. Seconds are those that one try may take. */
export const HealthCheck = z.lazy(() =>
  z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("http"),
      name: checkName.optional(),
      url: z.url({ protocol: /^https?$/ }).max(2000),
      status: z.number().int().min(100).max(599).optional().describe("Absent: any of 200 to 399"),
      timeout: z.number().int().min(1).max(600).default(10),
    }),
    z.strictObject({
      kind: z.literal("tcp"),
      name: checkName.optional(),
      host: z.string().min(1).max(255),
      port: z.number().int().min(1).max(65_535),
      timeout: z.number().int().min(1).max(600).default(10),
    }),
    z.strictObject({
      kind: z.literal("command"),
      name: checkName.optional(),
      argv: z.array(z.string().max(4000)).min(1).max(100),
      timeout: z.number().int().min(1).max(600).default(30),
    }),
  ]),
);
export type HealthCheck = z.infer<typeof HealthCheck>;

const healthChecks = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch (error) {
      context.addIssue(`a JSON list is expected: ${(error as Error).message}`);
      return z.NEVER;
    }
  })
  .pipe(z.array(HealthCheck).max(100));

/** What the host's own configuration says of the host, its repository and its policy: daemon and runner read it alike. */
const hostSettings = defineSettings({
  url: {
    env: "NIXFLEET_URL",
    schema: dashboardUrl,
    required: true,
    help: "address of the dashboard, http(s) or ws(s), with or without a path",
    example: "https://fleet.example.org",
  },
  repoUrl: {
    env: "NIXFLEET_REPO_URL",
    schema: repoUrl,
    required: true,
    help: "config repository to follow",
    example: "ssh://git@example.org/config.git",
  },
  ...GIT_SETTINGS,
  hostname: {
    env: "NIXFLEET_HOSTNAME",
    schema: HostName,
    help: "this host's name, where it is not the machine's own",
    example: "gate",
  },
  submodules: {
    env: "NIXFLEET_SUBMODULES",
    schema: onOff,
    default: false,
    help: "evaluate the flake with the submodules of the config repository",
  },
  flakeAttr: {
    env: "NIXFLEET_FLAKE_ATTR",
    schema: z
      .string()
      .regex(/^[\w.@"'/+-]{1,200}$/, "an attribute path of letters, digits and . _ - @ + / and quotes is expected"),
    help: "attribute of the flake to build, where it is not the one of this host's name",
    example: "nixosConfigurations.gate.config.system.build.toplevel",
  },
  platform: {
    env: "NIXFLEET_PLATFORM",
    schema: oneOf(Platform.options),
    help: `one of ${Platform.options.join(", ")}; by default what the machine shows itself to be`,
  },
  allowedOps: {
    env: "NIXFLEET_ALLOWED_OPS",
    schema: allowedOps,
    default: OpName.options,
    help: "ops that this host allows",
  },
  allowRewind: {
    env: "NIXFLEET_ALLOW_REWIND",
    schema: onOff,
    default: false,
    help: "let a forced switch go back to an older commit",
  },
  signingRequired: {
    env: "NIXFLEET_SIGNING_REQUIRED",
    schema: onOff,
    default: false,
    help: "accept only commits signed by a key in the two files below",
  },
  allowedSignersFile: {
    env: "NIXFLEET_ALLOWED_SIGNERS_FILE",
    schema: absolutePath,
    help: "SSH keys that may sign commits, as ssh-keygen(1) has them under ALLOWED SIGNERS",
  },
  openpgpKeysFile: {
    env: "NIXFLEET_OPENPGP_KEYS_FILE",
    schema: absolutePath,
    help: "OpenPGP public keys that may sign commits",
  },
  confirmTimeout: {
    env: "NIXFLEET_CONFIRM_TIMEOUT",
    schema: wholeNumber(0, 3600),
    default: 120,
    help: "seconds, activation included, after which a switch that is not confirmed is undone; 0: never",
  },
  healthChecks: {
    env: "NIXFLEET_HEALTH_CHECKS",
    schema: healthChecks,
    default: [],
    help: "checks that must hold after a switch, as a JSON list of { kind: http, tcp or command, … }",
  },
  ignoreFailedUnits: {
    env: "NIXFLEET_IGNORE_FAILED_UNITS",
    schema: wordList,
    default: [],
    help: "units that may fail after a switch",
  },
  activationCommand: {
    env: "NIXFLEET_ACTIVATION_COMMAND",
    schema: absolutePath,
    help: "program that activates instead of the platform's own; it gets the closure and test, boot or switch as arguments",
  },
  backupFileExtension: {
    env: "NIXFLEET_BACKUP_FILE_EXTENSION",
    schema: z
      .string()
      .regex(
        /^[\w-][\w.-]{0,63}$/,
        "up to 64 letters, digits and . _ - are expected, without the dot in front: Home Manager adds it",
      ),
    help: "Home Manager: appended to the names of files that are in the way of its links; else it does not activate",
    example: "backup",
  },
  stateDir: { env: "NIXFLEET_STATE_DIR", schema: absolutePath, help: "directory that the daemon writes" },
  runnerDir: {
    env: "NIXFLEET_RUNNER_DIR",
    schema: absolutePath,
    help: "directory that the runner writes: clone, spools, ledger",
  },
  systemRoot: {
    env: "NIXFLEET_SYSTEM_ROOT",
    schema: absolutePath,
    default: "",
    help: "put before /run and /nix/var of hosts that share a machine",
  },
  logLevel: { env: "NIXFLEET_LOG_LEVEL", schema: oneOf(LOG_LEVELS), default: "info", help: `one of ${LOG_LEVELS.join(", ")}` },
});

export const runnerSettings = hostSettings;
export type RunnerSettings = SettingsOf<typeof runnerSettings>;

export const daemonSettings = defineSettings({
  token: {
    env: "NIXFLEET_TOKEN",
    schema: token,
    required: true,
    secret: true,
    help: "this host's token, as the dashboard showed it when the host was added",
  },
  ...hostSettings,
  interval: {
    env: "NIXFLEET_INTERVAL",
    schema: wholeNumber(1, 3600),
    default: 5,
    help: "seconds between metrics while somebody is watching",
  },
  location: {
    env: "NIXFLEET_LOCATION",
    schema: z.string().trim().min(1).max(40),
    default: "home",
    help: "where the host is: home, work, cloud, or a name of your own",
  },
  deviceType: {
    env: "NIXFLEET_DEVICE_TYPE",
    schema: oneOf(DeviceType.options),
    default: "desktop",
    help: "server, desktop, laptop or gaming",
  },
  tags: {
    env: "NIXFLEET_TAGS",
    schema: wordList.pipe(z.array(z.string().max(40, "a tag has at most 40 characters")).max(50, "at most 50 tags are expected")),
    default: [],
    help: "tags, separated by commas",
  },
  themeColor: {
    env: "NIXFLEET_THEME_COLOR",
    schema: z.string().regex(/^#[0-9a-fA-F]{6}$/, "a colour such as #7aa2f7 is expected"),
    help: "the host's colour on the page, as #rrggbb",
  },
});
export type DaemonSettings = SettingsOf<typeof daemonSettings>;

/** Every name that either process reads, so that neither warns of the other's. */
export const ALL_SETTING_NAMES: readonly string[] = Object.values(daemonSettings).map(({ env }) => env);

/** The name that this host goes by: its setting, else the machine's own. */
export function hostNameOf(settings: Pick<RunnerSettings, "hostname">, ownName = machineName): string {
  return settings.hostname ?? ownName();
}

/** Where daemon and runner keep their state: as set, else the system's place for the root user and the user's own for others. */
export function stateDirsOf(
  settings: Pick<RunnerSettings, "stateDir" | "runnerDir">,
  env: Readonly<Record<string, string | undefined>> = process.env,
  isRoot = process.getuid?.() === 0,
): { stateDir: string; runnerDir: string } {
  const base = isRoot ? "/var/lib" : (env["XDG_STATE_HOME"] ?? join(env["HOME"] ?? homedir(), ".local/state"));
  return {
    stateDir: settings.stateDir ?? join(base, "nixfleet-agent"),
    runnerDir: settings.runnerDir ?? join(base, "nixfleet-runner"),
  };
}
