import type { ClosureDiff } from "@nixfleet/protocol";
import { ArrowRight } from "lucide-react";
import { useMemo, useState } from "react";
import { Button } from "../components/button.tsx";
import { Icon } from "../components/icon.tsx";
import { SectionHead } from "../components/section-head.tsx";
import { formatCount } from "../format/quantity.ts";
import { type ClosureRow, closureRows, sizeWords } from "./closure-rows.ts";

const FIRST = 8;

/** Which packages differ between two closures, the first of them at once. */
export function ClosureChanges({ diff, title }: { diff: ClosureDiff; title: string }) {
  const [all, setAll] = useState(false);
  const rows = useMemo(() => closureRows(diff), [diff]);
  const shown = all ? rows : rows.slice(0, FIRST);
  return (
    <section aria-label="Changed packages" className="border-t border-border pt-2 pb-5">
      <SectionHead
        title={title}
        count={rows.length}
        end={<span className="text-small text-muted tabular-nums">{sizeWords(diff)}</span>}
      />
      {rows.length === 0 && (
        <p className="border-t border-border py-2.5 text-small text-muted">
          No package versions changed. Only the configuration differs.
        </p>
      )}
      <ul className="grid grid-cols-2 gap-x-10 max-desk:grid-cols-1">
        {shown.map((row) => (
          <Row key={`${row.kind} ${row.name}`} row={row} />
        ))}
      </ul>
      {rows.length > FIRST && (
        <p className="pt-2">
          <Button size="row" variant="ghost" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? "Show fewer" : `Show all ${formatCount(rows.length)}`}
          </Button>
        </p>
      )}
    </section>
  );
}

function Row({ row: { kind, name, from, to } }: { row: ClosureRow }) {
  return (
    <li className="flex min-h-9 items-center gap-3 border-t border-border text-small">
      <code className="min-w-24 flex-1 truncate font-medium">{name}</code>
      <code className="flex min-w-0 flex-wrap items-center justify-end gap-x-1.5 text-muted">
        {kind === "changed" && from === to ? "rebuilt" : from}
        {kind === "changed" && from !== to && (
          <>
            <Icon of={ArrowRight} size={12} className="text-faint" />
            <span className="sr-only">to</span>
          </>
        )}
        {from !== to && <span className="text-text">{to}</span>}
      </code>
      <span className="w-16 flex-none text-right text-label text-faint">{kind}</span>
    </li>
  );
}
