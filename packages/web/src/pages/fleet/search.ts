import { COMPARTMENT_LABELS, Compartment, type HostRow, PLATFORM_LABELS } from "@nixfleet/protocol";
import { GROUPS, type Group, isInGroup } from "./groups-of-status.ts";

/*
 * The search language: words that must all hold, in any order.
 *
 *   web                 the name, a tag, the platform, the place or a compartment's word contains it
 *   tag:web  host:csb   a field contains it; commit: from its beginning
 *   behind:>0 load:<2   a number: =, >, >=, <, <= ; memory and disk in percent
 *   is:failed           one of the verdict's groups, or online, stale, offline
 *   git:behind          a compartment's word contains it
 *   -tag:web  "two words"  not; a text with spaces
 */

export type Term = { readonly not: boolean; readonly holds: (row: HostRow) => boolean };
export interface Search {
  readonly terms: readonly Term[];
  /** What cannot be understood, as a sentence each; such a word is left out of the search. */
  readonly faults: readonly string[];
  /** Whether what hosts measure decides what is found. */
  readonly measured: boolean;
}

const TEXT_FIELDS = {
  host: (row) => [row.name],
  name: (row) => [row.name],
  tag: (row) => row.tags,
  platform: (row) => [row.platform, PLATFORM_LABELS[row.platform]],
  os: (row) => [row.platform, PLATFORM_LABELS[row.platform]],
  location: (row) => [row.location ?? ""],
  type: (row) => [row.deviceType ?? ""],
  ...(Object.fromEntries(
    Compartment.options.map((name) => [name, (row: HostRow) => [row.compartments[name].word, row.compartments[name].status]]),
  ) as Record<Compartment, (row: HostRow) => string[]>),
} as const satisfies Record<string, (row: HostRow) => readonly string[]>;

const NUMBER_FIELDS = {
  behind: (row) =>
    row.relation.kind === "behind" || row.relation.kind === "diverged"
      ? row.relation.behind
      : row.relation.kind === "unknown"
        ? null
        : 0,
  ahead: (row) =>
    row.relation.kind === "ahead" || row.relation.kind === "diverged"
      ? row.relation.ahead
      : row.relation.kind === "unknown"
        ? null
        : 0,
  load: (row) => row.load,
  memory: (row) => (row.memory === null ? null : row.memory * 100),
  disk: (row) => (row.disk === null ? null : row.disk * 100),
  generation: (row) => row.runs.generation,
  cores: (row) => row.cores,
} as const satisfies Record<string, (row: HostRow) => number | null>;

const MEASURED: readonly string[] = ["load", "memory", "disk"] satisfies (keyof typeof NUMBER_FIELDS)[];

const FIELDS: readonly string[] = ["is", "commit", ...Object.keys(TEXT_FIELDS), ...Object.keys(NUMBER_FIELDS)];

const WORD = /(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/gi;

/** Parses a search. Never throws: an incomplete search matches as far as it is understood. */
export function parseSearch(text: string): Search {
  const terms: Term[] = [];
  const faults: string[] = [];
  let measured = false;
  for (const [, minus, field, quoted, bare] of text.matchAll(WORD)) {
    const value = (quoted ?? bare ?? "").toLowerCase();
    const holds = field === undefined ? anywhere(value) : fieldTerm(field.toLowerCase(), value);
    if (typeof holds === "string") {
      faults.push(holds);
      continue;
    }
    terms.push({ not: minus === "-", holds });
    measured ||= field !== undefined && MEASURED.includes(field.toLowerCase());
  }
  return { terms, faults, measured };
}

/** Whether a host matches a search. */
export function matches(row: HostRow, search: Search): boolean {
  return search.terms.every((term) => term.holds(row) !== term.not);
}

function anywhere(value: string): (row: HostRow) => boolean {
  return (row) =>
    contains([row.name, ...row.tags, PLATFORM_LABELS[row.platform], row.location ?? ""], value) ||
    Compartment.options.some((name) => contains([`${COMPARTMENT_LABELS[name]} ${row.compartments[name].word}`], value)) ||
    (row.runs.commit?.startsWith(value) ?? false);
}

function fieldTerm(field: string, value: string): ((row: HostRow) => boolean) | string {
  if (field === "is") {
    if (!(GROUPS as readonly string[]).includes(value)) return `is: takes one of ${GROUPS.join(", ")}.`;
    return (row) => isInGroup(row, value as Group);
  }
  if (field === "commit") return (row) => row.runs.commit?.startsWith(value) ?? false;
  if (field in NUMBER_FIELDS) {
    const test = comparison(value);
    if (test === undefined) return `${field}: takes a number, for example ${field}:>0.`;
    const read = NUMBER_FIELDS[field as keyof typeof NUMBER_FIELDS];
    // What is not known is neither more nor less than anything.
    return (row) => {
      const number = read(row);
      return number !== null && test(number);
    };
  }
  if (field in TEXT_FIELDS) {
    const read: (row: HostRow) => readonly string[] = TEXT_FIELDS[field as keyof typeof TEXT_FIELDS];
    return (row) => contains(read(row), value);
  }
  return `Unknown field ${field}:. Known fields: ${FIELDS.join(", ")}.`;
}

function contains(texts: readonly string[], value: string): boolean {
  return texts.some((text) => text.toLowerCase().includes(value));
}

function comparison(value: string): ((number: number) => boolean) | undefined {
  const parts = /^(>=|<=|>|<|=)?(\d+(?:\.\d+)?)%?$/.exec(value);
  if (!parts) return undefined;
  const compare = COMPARISONS[(parts[1] ?? "=") as keyof typeof COMPARISONS];
  const limit = Number(parts[2]);
  return (number) => compare(number, limit);
}

const COMPARISONS = {
  ">": (number, limit) => number > limit,
  ">=": (number, limit) => number >= limit,
  "<": (number, limit) => number < limit,
  "<=": (number, limit) => number <= limit,
  "=": (number, limit) => number === limit,
} as const satisfies Record<string, (number: number, limit: number) => boolean>;
