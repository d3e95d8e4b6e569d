import { GROUPS, type Group } from "./groups-of-status.ts";
import { SORTS, type Sort } from "./order.ts";

export const GROUPINGS = ["none", "tag", "location", "platform"] as const;
export type Grouping = (typeof GROUPINGS)[number];
export const GROUPING_LABELS = {
  none: "No groups",
  tag: "By tag",
  location: "By location",
  platform: "By platform",
} as const satisfies Record<Grouping, string>;
export const DENSITIES = ["comfortable", "compact"] as const;
export type Density = (typeof DENSITIES)[number];
export const OPTIONAL_COLUMNS = ["tags", "platform", "runs", "generation", "load", "memory", "seen"] as const;
export type OptionalColumn = (typeof OPTIONAL_COLUMNS)[number];

/** The view of the Fleet page. The address holds all of it, so that a view can be shared, saved and restored. */
export interface FleetView {
  readonly q: string;
  readonly show: Group | undefined;
  readonly platform: string | undefined;
  readonly sort: Sort;
  readonly group: Grouping;
  readonly density: Density;
  readonly hide: readonly OptionalColumn[];
}

/** The query string of the address; defaults are left out. */
export interface FleetSearch {
  q?: string;
  show?: Group;
  platform?: string;
  sort?: Sort;
  group?: Grouping;
  density?: Density;
  hide?: string;
}

/** Reads a query string. Invalid values become defaults. */
export function readFleetSearch(search: Readonly<Record<string, unknown>>): FleetSearch {
  const show = oneOf(GROUPS, search["show"]);
  const sort = oneOf(SORTS, search["sort"]);
  const group = oneOf(GROUPINGS, search["group"]);
  const density = oneOf(DENSITIES, search["density"]);
  const hide = hidden(search["hide"]);
  const q = search["q"];
  const platform = search["platform"];
  return {
    ...((typeof q === "string" || typeof q === "number") && q !== "" && { q: String(q) }),
    ...(show && { show }),
    ...(typeof platform === "string" && platform !== "" && { platform }),
    ...(sort && sort !== "worst" && { sort }),
    ...(group && group !== "none" && { group }),
    ...(density && density !== "comfortable" && { density }),
    ...(hide.length > 0 && { hide: hide.join(",") }),
  };
}

export function viewOf(search: FleetSearch): FleetView {
  return {
    q: search.q ?? "",
    show: search.show,
    platform: search.platform,
    sort: search.sort ?? "worst",
    group: search.group ?? "none",
    density: search.density ?? "comfortable",
    hide: hidden(search.hide),
  };
}

function hidden(value: unknown): readonly OptionalColumn[] {
  if (typeof value !== "string") return [];
  const names = value.split(",");
  return OPTIONAL_COLUMNS.filter((name) => names.includes(name));
}

function oneOf<T extends string>(options: readonly T[], value: unknown): T | undefined {
  return options.find((option) => option === value);
}
