import type { HostRow } from "@nixfleet/protocol";
import { MoreHorizontal } from "lucide-react";
import { lazy, Suspense, useEffect } from "react";
import { create } from "zustand";
import { buttonClass } from "../components/button.tsx";
import { Icon } from "../components/icon.tsx";

const OpMenu = lazy(() => import("./op-menu.tsx"));

/** The row whose menu is open. All rows share one menu. */
const useOpen = create<{ id: string | undefined; anchor: Element | undefined }>(() => ({ id: undefined, anchor: undefined }));

const close = () => useOpen.setState({ id: undefined, anchor: undefined });

/** The button at the end of a row. */
export function RowMenuButton({ row, size = "row" }: { row: HostRow; size?: "row" | "normal" }) {
  const open = useOpen(({ id }) => id === row.id);
  return (
    <button
      type="button"
      aria-label={`More for ${row.name}`}
      aria-haspopup="menu"
      aria-expanded={open}
      className={buttonClass({ variant: "ghost", size, iconOnly: true })}
      onClick={(event) => {
        if (open) close();
        else useOpen.setState({ id: row.id, anchor: event.currentTarget });
      }}
    >
      <Icon of={MoreHorizontal} size={16} />
    </button>
  );
}

/** Whether a row's menu is open: rows must not move then. */
export function useRowMenuOpen(): boolean {
  return useOpen(({ id }) => id !== undefined);
}

/** Draws the menu of the row whose button was pressed; rendered once, beside the list. */
export function RowMenu({ rows }: { rows: readonly HostRow[] }) {
  const { id, anchor } = useOpen();
  const row = rows.find((each) => each.id === id);
  useEffect(() => close, []);
  if (!row || !anchor) return null;
  return (
    <Suspense>
      <OpMenu row={row} anchor={anchor} onClose={close} />
    </Suspense>
  );
}
