/** The filter of the audit trail: whole names, and an action or its first part. */
export interface ActivityFilter {
  readonly who?: string;
  readonly action?: string;
  readonly host?: string;
}

/** Reads the filter from the page's address. */
export function readActivityFilter(search: Readonly<Record<string, unknown>>): ActivityFilter {
  const { who, action, host } = search;
  return {
    ...(isText(who, 60) && { who }),
    ...(isText(action, 60) && { action }),
    ...(isText(host, 80) && { host }),
  };
}

function isText(value: unknown, longest: number): value is string {
  return typeof value === "string" && value !== "" && value.length <= longest;
}
