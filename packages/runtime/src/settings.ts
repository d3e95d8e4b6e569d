import type * as z from "zod";
import { messageOf } from "./errors.ts";

/** One setting of a program: where it comes from, what it may be, and what --help says of it. */
export interface SettingSpec {
  /** Name of the environment variable; `<env>_FILE` names a file that holds the value instead. */
  env: string;
  /** Turns the text into the value. Its messages are shown to people. */
  schema: z.ZodType<unknown, string>;
  /** Value when neither variable is set, of the type that `schema` gives. */
  default?: unknown;
  /** Without a value the program cannot start. */
  required?: boolean;
  /** Its value is never shown. */
  secret?: boolean;
  /** One phrase for --help, also shown as the fix of a fault. */
  help: string;
  /** A value that would do, shown with the fix. */
  example?: string;
}

export type SettingsSpec = Readonly<Record<string, SettingSpec>>;

/** The values of a spec: absent only where there is neither `required` nor `default`. */
export type SettingsOf<S extends SettingsSpec> = {
  [K in keyof S]: S[K] extends { required: true }
    ? z.output<S[K]["schema"]>
    : S[K] extends { default: unknown }
      ? z.output<S[K]["schema"]>
      : z.output<S[K]["schema"]> | undefined;
};

/** What is wrong with one setting, and what to do. Holds no secret. */
export interface SettingFault {
  name: string;
  fault: string;
  fix: string;
}

export type SettingsResult<S extends SettingsSpec> =
  | { ok: true; settings: SettingsOf<S>; warnings: SettingFault[] }
  | { ok: false; faults: SettingFault[]; warnings: SettingFault[] };

/** Keeps the literal types of a spec, so that SettingsOf knows which settings are always there. */
export function defineSettings<const S extends SettingsSpec>(spec: S): S {
  return spec;
}

/**
 * Reads a program's settings and reports every fault at once. An empty variable counts as not set. `readFile` returns a
 * file's text, or throws; one trailing line end of it is no part of the value. Names that begin with the prefix (NIXFLEET_)
 * and mean nothing give a warning, since they are most often misspelt; `alsoKnown` names those that other parts read.
 */
export function readSettings<S extends SettingsSpec>(
  spec: S,
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
  { prefix = "NIXFLEET_", alsoKnown = [] as readonly string[] } = {},
): SettingsResult<S> {
  const entries = Object.entries(spec);
  const names = new Set(entries.map(([, setting]) => setting.env));
  const faults: SettingFault[] = [];
  const values: Record<string, unknown> = {};

  for (const [key, setting] of entries) {
    const found = findText(setting, names, env, readFile);
    if (found.kind === "fault") {
      faults.push(found.fault);
    } else if (found.kind === "absent") {
      if (setting.required) faults.push({ name: setting.env, fault: "is not set", fix: fixOf(setting) });
      else values[key] = setting.default;
    } else {
      const parsed = setting.schema.safeParse(found.text);
      if (parsed.success) values[key] = parsed.data;
      else {
        const messages = [...new Set(parsed.error.issues.map(issueText))].join("; ");
        faults.push({ name: found.name, fault: describe(setting, found.text, messages), fix: fixOf(setting) });
      }
    }
  }

  const known = [...names, ...[...names].map((name) => `${name}_FILE`), ...alsoKnown];
  const warnings = Object.keys(env)
    .filter((name) => name.startsWith(prefix) && env[name] !== undefined && !known.includes(name))
    .sort()
    .map((name) => unknownName(name, [...names]));

  return faults.length === 0 ? { ok: true, settings: values as SettingsOf<S>, warnings } : { ok: false, faults, warnings };
}

type Found = { kind: "absent" } | { kind: "text"; name: string; text: string } | { kind: "fault"; fault: SettingFault };

function findText(
  setting: SettingSpec,
  names: ReadonlySet<string>,
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): Found {
  const fileName = `${setting.env}_FILE`;
  const direct = env[setting.env] || undefined;
  // A setting that is itself called X_FILE is a path of its own, not the file of X.
  const path = names.has(fileName) ? undefined : env[fileName] || undefined;

  if (direct !== undefined && path !== undefined) {
    const fix = `Unset ${setting.env} or ${fileName}.`;
    return { kind: "fault", fault: { name: setting.env, fault: `is set together with ${fileName}`, fix } };
  }
  if (direct !== undefined) return { kind: "text", name: setting.env, text: direct };
  if (path === undefined) return { kind: "absent" };
  try {
    const text = readFile(path).replace(/\r?\n$/, "");
    if (text !== "") return { kind: "text", name: fileName, text };
    return {
      kind: "fault",
      fault: { name: fileName, fault: `names an empty file: ${path}`, fix: `Write the value into ${path}.` },
    };
  } catch (error) {
    const reason = messageOf(error);
    const fix = "Name a file that exists and that this program's user may read. By hand, a file of root's is read with sudo.";
    return { kind: "fault", fault: { name: fileName, fault: `names a file that cannot be read: ${reason}`, fix } };
  }
}

/** What is wrong, and where in a value that has parts, such as a list of health checks. */
function issueText({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join(".")}: ${message}`;
}

function describe(setting: SettingSpec, text: string, messages: string): string {
  if (setting.secret) return `has a value that does not fit: ${messages.replaceAll(text, "[redacted]")}`;
  const start = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return `does not fit (${JSON.stringify(start)}): ${messages}`;
}

function fixOf(setting: SettingSpec): string {
  const example = setting.example === undefined ? "" : `, for example ${setting.env}=${setting.example}`;
  const file = setting.secret ? ` (or ${setting.env}_FILE to a file that holds it)` : "";
  return `Set ${setting.env}${file} to: ${setting.help}${example}.`;
}

function unknownName(name: string, names: readonly string[]): SettingFault {
  const near = names
    .map((candidate) => ({ candidate, distance: editDistance(name.replace(/_FILE$/, ""), candidate) }))
    .filter(({ distance }) => distance <= 3)
    .sort((a, b) => a.distance - b.distance)[0];
  return {
    name,
    fault: "is not a setting",
    fix: near ? `Did you mean ${near.candidate}?` : "Unset it, or see --help for the names.",
  };
}

/** Levenshtein distance: how many letters must be added, removed or changed. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Faults or warnings as text, one block each: name, what is wrong, what to do. */
export function formatFaults(faults: readonly SettingFault[]): string {
  return faults.map(({ name, fault, fix }) => `${name} ${fault}\n    ${fix}`).join("\n");
}

/** The settings of a program as text for --help. */
export function settingsHelp(spec: SettingsSpec): string {
  return Object.values(spec)
    .map((setting) => {
      const state = setting.required
        ? "required"
        : setting.default === undefined
          ? "optional"
          : `default ${shown(setting.default)}`;
      return `  ${setting.env}\n      ${setting.help} (${state}${setting.secret ? ", secret" : ""})`;
    })
    .join("\n")
    .concat("\n\nEach may come from a file instead: set <NAME>_FILE to its path.");
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.join(", ") || "none";
  if (value === "") return "empty";
  return typeof value === "string" ? value : JSON.stringify(value);
}
