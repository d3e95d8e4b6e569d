import type { HostRow } from "@nixfleet/protocol";
import { useEffect, useEffectEvent } from "react";
import { isCovered, isWriting } from "../../shell/shortcuts.ts";
import type { ListItem } from "./list-items.ts";

/** The line after or before one, over the heads of groups; from nowhere the first or the last. Undefined at the end. */
export function stepLine(items: readonly ListItem[], from: string | undefined, by: 1 | -1): ListItem | undefined {
  const start = from === undefined ? -1 : items.findIndex((item) => item.key === from);
  let index = start < 0 ? (by === 1 ? 0 : items.length - 1) : start + by;
  while (items[index]?.kind === "head") index += by;
  return items[index];
}

/** Moves over the hosts with j and k, selects with x, opens with Enter, wherever the focus is but in a text or another control. */
export function useLineKeys(
  items: readonly ListItem[],
  cursor: string | undefined,
  act: {
    move: (key: string) => void;
    select: (row: HostRow, range: boolean) => void;
    open: (row: HostRow) => void;
    clear: () => void;
  },
): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target) || isCovered()) return;
    const at = items.find((item) => item.key === cursor);
    const onLine = event.target instanceof Element && event.target.matches("[data-line]");
    switch (event.key) {
      case "j":
      case "k": {
        const next = stepLine(items, cursor, event.key === "j" ? 1 : -1);
        if (next) act.move(next.key);
        break;
      }
      case "ArrowDown":
      case "ArrowUp": {
        if (!onLine) return;
        const next = stepLine(items, cursor, event.key === "ArrowDown" ? 1 : -1);
        if (next) act.move(next.key);
        break;
      }
      case "x":
      case "X":
        if (at?.kind !== "host") return;
        act.select(at.row, event.shiftKey);
        break;
      case "Enter":
        if (at?.kind !== "host" || !onLine) return;
        act.open(at.row);
        break;
      case "Escape":
        act.clear();
        return;
      default:
        return;
    }
    event.preventDefault();
  });
  useEffect(() => {
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}
