import { DatabaseSync } from "node:sqlite";

/** A statement that may do what others may not, and why. */
interface Exception {
  /** Of the statement as it is run. */
  readonly sql: RegExp;
  /** Steps of its plan that are allowed. */
  readonly step: RegExp;
  readonly why: string;
}

/** What may be done for a reason that a plan does not show. */
const EXCEPTIONS: readonly Exception[] = [
  {
    sql: /^select [^()]* from "(?:runs|audit)"(?: left join "hosts" on [^()]*?)?(?: where "(?:seq|id)" < \?)? order by "(?:runs"\.")?(?:id|seq|number)" desc limit \?$/,
    step: /^SCAN (?:runs|audit) USING (?:COVERING )?INDEX/,
    why: "The newest of all, whatever they are: it ends after as many rows as are asked for.",
  },
  {
    sql: /"runs"\."?ended_at" is null|from "runs" where "ended_at" is null/,
    step: /^SCAN runs USING (?:COVERING )?INDEX runs_unfinished|ORDER BY$/,
    why: "Only runs that have not ended are in that index: one at work on each host, and what waits.",
  },
  {
    sql: /from "sessions" where "person_id" = \?/,
    step: /ORDER BY/,
    why: "A person has no more sessions than the limit.",
  },
  {
    sql: /from \(values .*\) as "pairs" inner join "runs"/,
    step: /ORDER BY/,
    why: "At most fifty previews of each closure.",
  },
  {
    sql: /from "audit" where .* in \(select "named"/,
    step: /ORDER BY/,
    why: "At most a page of entries under each name of one host.",
  },
];

/** Tables that hold one row for each host, person or session: their size is the fleet's, not the history's. */
const SMALL = ["hosts", "host_facts", "host_tokens", "log_usage", "sources", "people", "sessions", "meta"];
/** Rows that the statement itself makes, from its parameters or its own subqueries. */
const OWN_ROWS =
  /^SCAN (?:CONSTANT ROW|\d+ CONSTANT ROWS|\d+-ROW VALUES CLAUSE|\(subquery-\d+\)|(?:last|pairs|named|kept)(?: |$))/;
const ALLOWED = [
  new RegExp(`^SCAN (?:${SMALL.join("|")})(?: USING .*)?$`),
  OWN_ROWS,
  /^(?:SEARCH|LIST SUBQUERY|SCALAR SUBQUERY|CORRELATED|CO-ROUTINE|MATERIALIZE|COMPOUND|LEFT-MOST|UNION|MULTI-INDEX|INDEX \d|USE TEMP B-TREE FOR (?:UNION|LAST TERM)|REUSE|MERGE|LEFT|RIGHT|CREATE BLOOM)/,
];

/** The steps of statements that look at a whole table of history, or sort a set that history makes larger. */
export function findUnindexed(path: string, statements: Iterable<string>): string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  const found: string[] = [];
  for (const sql of statements) {
    if (!/^(?:select|insert|update|delete|with)\b/i.test(sql)) continue;
    const steps = database.prepare(`explain query plan ${sql}`).all() as { detail: string }[];
    for (const { detail } of steps) {
      if (ALLOWED.some((pattern) => pattern.test(detail))) continue;
      if (EXCEPTIONS.some((exception) => exception.sql.test(sql) && exception.step.test(detail))) continue;
      found.push(`${detail}\n    ${sql}`);
    }
  }
  database.close();
  return found;
}
