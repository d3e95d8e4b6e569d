import type { ReactNode } from "react";
import { classNames } from "./class-names.ts";

/** The row of a page's tabs, over its whole width. Tabs are links: each has an address. */
export function TabRow({ label, children }: { label: string; children: ReactNode }) {
  return (
    <nav aria-label={label} className="-mx-(--gutter) mt-5 flex gap-1 overflow-x-auto border-b border-border px-(--gutter)">
      {children}
    </nav>
  );
}

/** The classes of one tab. The router marks the current one with `aria-current`. */
export const tabClass = classNames(
  "relative flex h-10 flex-none items-center gap-1.5 px-2.5 text-muted first:-ml-2.5 hover:text-text max-phone:h-11",
  "aria-[current=page]:font-medium aria-[current=page]:text-text",
  "aria-[current=page]:after:absolute aria-[current=page]:after:inset-x-2.5 aria-[current=page]:after:bottom-0 aria-[current=page]:after:h-0.5 aria-[current=page]:after:rounded-t-[2px] aria-[current=page]:after:bg-accent-fill",
  "focus-visible:outline-offset-[-2px]",
);
