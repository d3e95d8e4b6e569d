import { readFileSync } from "node:fs";
import type { AroundStatement } from "./store/index.ts";

/** What a statement cost, at most, of all times that it ran. */
export interface StatementCost {
  times: number;
  rows: number;
  /** Pages of the database that had to be read, those in SQLite's cache apart. */
  pages: number;
}

/** Notes every statement that a store runs: pass `around` to it as `aroundStatement`. */
export interface StatementLog {
  readonly around: AroundStatement;
  readonly costs: ReadonlyMap<string, StatementCost>;
  /** Statements so far, each as often as it ran. */
  readonly count: number;
  clear(): void;
}

export function createStatementLog(): StatementLog {
  const costs = new Map<string, StatementCost>();
  let count = 0;
  return {
    around(sql, run) {
      const before = reads();
      const result = run();
      const pages = reads() - before - READS_OF_READING;
      count += 1;
      const cost = costs.get(sql) ?? { times: 0, rows: 0, pages: 0 };
      cost.times += 1;
      cost.rows = Math.max(cost.rows, Array.isArray(result) ? result.length : 0);
      cost.pages = Math.max(cost.pages, pages);
      costs.set(sql, cost);
      return result;
    },
    costs,
    get count() {
      return count;
    },
    clear() {
      costs.clear();
      count = 0;
    },
  };
}

/** Reads of this process so far (proc(5), /proc/pid/io): SQLite reads a page that is not in its cache by one. */
function reads(): number {
  return Number(/^syscr: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
}

const READS_OF_READING = -(reads() - reads());
