import { type ReactNode, useState } from "react";
import { Button } from "../components/button.tsx";
import { formatCount } from "../format/quantity.ts";

/** The first of many, and a button for the others. */
export function useShowMore<T>(all: readonly T[], most: number): { shown: readonly T[]; more: ReactNode } {
  const [open, setOpen] = useState(false);
  if (open || all.length <= most + 1) return { shown: all, more: null };
  return {
    shown: all.slice(0, most),
    more: (
      <Button size="row" variant="ghost" className="-ml-2.5" onClick={() => setOpen(true)}>
        Show {formatCount(all.length - most)} more
      </Button>
    ),
  };
}
