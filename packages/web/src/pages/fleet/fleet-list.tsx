import type { HostRow } from "@nixfleet/protocol";
import { useNavigate } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Checkbox } from "../../components/checkbox.tsx";
import { Table, TableFrame, Th } from "../../components/table.tsx";
import { RowMenu, useRowMenuOpen } from "../../ops/row-menu.tsx";
import { useIsPhone } from "../../screen/use-media.ts";
import { type Column, columnsFor } from "./columns.ts";
import { HostCard } from "./host-card.tsx";
import { HostLine } from "./host-line.tsx";
import { type ListItem, listItems } from "./list-items.ts";
import { extendTo, NOTHING, type Selection, selectAll, toggle } from "./selection.ts";
import { useHeldItems, useIsInside } from "./use-held-items.ts";
import { useLineKeys } from "./use-line-keys.ts";
import type { FleetView } from "./view.ts";

/** Lists up to this length are rendered whole. */
const SHORT = 60;

const HEADS = {
  select: "",
  host: "Host",
  tags: "Tags",
  platform: "Platform",
  agent: "Agent",
  git: "Git",
  lock: "Lock",
  system: "System",
  tests: "Tests",
  state: "State",
  runs: "Runs",
  generation: "Gen.",
  load: "Load",
  memory: "Memory",
  seen: "Seen",
  action: "",
  menu: "",
} as const satisfies Record<Column, string>;

const HEAD_LABELS = { select: "Selected", action: "Next action", menu: "All actions" } as const satisfies Partial<
  Record<Column, string>
>;
const TIGHT: readonly Column[] = ["agent", "git", "lock", "system", "tests", "state"];

/** The matching hosts in order: a table, or cards on a phone. Only visible rows are rendered. */
export function FleetList({
  rows,
  all,
  view,
  selection,
  selecting,
  onSelection,
}: {
  /** The matching hosts, in order. */
  rows: readonly HostRow[];
  all: readonly HostRow[];
  view: FleetView;
  selection: Selection;
  /** Whether cards show checkboxes. */
  selecting: boolean;
  onSelection: (selection: Selection) => void;
}) {
  const phone = useIsPhone();
  const navigate = useNavigate();
  const frame = useRef<HTMLDivElement>(null);
  const { width, top } = usePlace(frame);
  const { inside, events } = useIsInside();
  const menuOpen = useRowMenuOpen();
  const [cursor, setCursor] = useState<string>();

  const wanted = useMemo(() => listItems(rows, view.group), [rows, view.group]);
  const byId = useMemo(() => new Map<string, HostRow>(all.map((row) => [row.id, row])), [all]);
  const every = (key: string): ListItem | undefined => {
    const row = byId.get(key.slice(key.lastIndexOf("/") + 1));
    return row && { kind: "host", key, row };
  };
  const items = useHeldItems(wanted, every, inside || menuOpen, JSON.stringify(view));

  const height = phone ? 196 : view.density === "compact" ? 32 : 40;
  // oxlint-disable-next-line react/incompatible-library -- no compiler runs over this code, and nothing of it is memoised by hand.
  const virtualizer = useWindowVirtualizer({
    count: items.length,
    estimateSize: () => height,
    getItemKey: (index) => items[index]?.key ?? index,
    // A short list is drawn whole: it can be searched by the browser, printed and read aloud without scrolling.
    overscan: items.length <= SHORT ? SHORT : phone ? 4 : 12,
    scrollMargin: top + (phone ? 0 : 32),
    scrollPaddingStart: 96,
    scrollPaddingEnd: 88,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another height makes every measurement void.
  useLayoutEffect(() => virtualizer.measure(), [virtualizer, height]);

  // The rows are given one function for good, so that a selection draws only the row that it concerns.
  const state = useRef({ selection, items });
  useLayoutEffect(() => {
    state.current = { selection, items };
  });
  const select = useCallback(
    (row: HostRow, range: boolean) => {
      const now = state.current;
      const drawn = now.items.flatMap((item) => (item.kind === "host" ? [item.row.id] : []));
      onSelection(range ? extendTo(now.selection, row.id, drawn) : toggle(now.selection, row.id));
    },
    [onSelection],
  );
  useLineKeys(items, cursor, {
    move: (key) => {
      setCursor(key);
      const index = items.findIndex((item) => item.key === key);
      virtualizer.scrollToIndex(index, { align: "auto" });
      requestAnimationFrame(() => focusLine(frame.current, key));
    },
    select,
    open: (row) => void navigate({ to: "/hosts/$host", params: { host: row.name } }),
    clear: () => onSelection(NOTHING),
  });

  const layout = useMemo(() => columnsFor(width, view.hide), [width, view.hide]);
  // The same array while its content is equal, so that rows do not render again.
  const columns = useMemo(() => layout.map(({ column }) => column), [layout]);

  const lines = virtualizer.getVirtualItems();
  const margin = virtualizer.options.scrollMargin;
  const before = (lines[0]?.start ?? margin) - margin;
  const after = virtualizer.getTotalSize() - ((lines.at(-1)?.end ?? margin) - margin);

  if (phone) {
    return (
      <div ref={frame} className="-mx-(--gutter) border-t border-border bg-surface" {...events}>
        <ul style={{ paddingTop: before, paddingBottom: after }}>
          {lines.map((line) => {
            const item = items[line.index];
            if (!item) return null;
            return (
              <li key={item.key} ref={virtualizer.measureElement} data-index={line.index}>
                {item.kind === "head" ? (
                  <GroupHead item={item} />
                ) : (
                  <HostCard row={item.row} selected={selection.ids.has(item.row.id)} selecting={selecting} onSelect={select} />
                )}
              </li>
            );
          })}
        </ul>
        <RowMenu rows={all} />
      </div>
    );
  }

  const selectedHere = rows.filter((row) => selection.ids.has(row.id)).length;
  return (
    <TableFrame ref={frame} data-density={view.density} {...events}>
      <Table aria-label="Hosts" aria-rowcount={items.length + 1}>
        <colgroup>
          {layout.map((col) => (
            <col key={col.column} style={{ width: col.width }} />
          ))}
        </colgroup>
        <thead className="sticky top-12 z-10">
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <Th key={column} pad={column === "select" ? "edge" : TIGHT.includes(column) ? "start" : "usual"}>
                {column === "select" ? (
                  <Checkbox
                    label={`Select all ${rows.length} matching hosts`}
                    checked={rows.length > 0 && selectedHere === rows.length}
                    some={selectedHere > 0 && selectedHere < rows.length}
                    onChange={() => onSelection(selectedHere === rows.length ? NOTHING : selectAll(rows.map((row) => row.id)))}
                  />
                ) : (
                  HEADS[column] || <span className="sr-only">{HEAD_LABELS[column as keyof typeof HEAD_LABELS]}</span>
                )}
              </Th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Space height={before} span={columns.length} />
          {lines.map((line) => {
            const item = items[line.index];
            if (!item) return null;
            if (item.kind === "head") {
              return (
                <tr key={item.key} aria-rowindex={line.index + 2}>
                  <th
                    colSpan={columns.length}
                    scope="rowgroup"
                    className="h-(--row) border-b border-border bg-bg px-3.5 text-left font-normal"
                  >
                    <GroupHead item={item} />
                  </th>
                </tr>
              );
            }
            return (
              <HostLine
                key={item.key}
                itemKey={item.key}
                row={item.row}
                columns={columns}
                index={line.index + 2}
                selected={selection.ids.has(item.row.id)}
                current={cursor === item.key || (cursor === undefined && line.index === 0)}
                onSelect={select}
              />
            );
          })}
          <Space height={after} span={columns.length} />
        </tbody>
      </Table>
      <RowMenu rows={all} />
    </TableFrame>
  );
}

function Space({ height, span }: { height: number; span: number }) {
  if (height <= 0) return null;
  return (
    <tr>
      <td aria-hidden="true" colSpan={span} style={{ height, padding: 0 }} />
    </tr>
  );
}

function GroupHead({ item }: { item: Extract<ListItem, { kind: "head" }> }) {
  return (
    <span className="flex items-center gap-2 text-small max-phone:border-b max-phone:border-border max-phone:bg-bg max-phone:px-4 max-phone:py-2.5">
      <b>{item.label}</b>
      <span className="text-faint tabular-nums">{item.count}</span>
    </span>
  );
}

function focusLine(frame: HTMLElement | null, key: string): void {
  frame?.querySelector<HTMLElement>(`[data-line="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

/** The position and the width of the list, updated when the content above it changes. */
function usePlace(element: RefObject<HTMLElement | null>): { width: number; top: number } {
  const [place, setPlace] = useState(() => ({ width: document.documentElement.clientWidth - 66, top: 0 }));
  useLayoutEffect(() => {
    const measure = () => {
      if (!element.current) return;
      const box = element.current.getBoundingClientRect();
      const next = { width: Math.floor(element.current.clientWidth), top: Math.round(box.top + window.scrollY) };
      setPlace((before) => (before.width === next.width && before.top === next.top ? before : next));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    if (element.current) observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return place;
}
