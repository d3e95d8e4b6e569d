import { X } from "lucide-react";
import type { ReactNode } from "react";
import { IconButton } from "./button.tsx";

/** Floats over the end of a list while something is selected: the count, the actions, and a button to clear the selection. */
export function ActionBar({
  label,
  extend,
  onClear,
  children,
}: {
  label: string;
  extend?: ReactNode;
  onClear: () => void;
  children: ReactNode;
}) {
  return (
    <section
      aria-label={label}
      className="fixed bottom-4 left-1/2 z-30 flex h-12 w-[760px] max-w-[calc(100vw-2*var(--gutter))] -translate-x-1/2 items-center gap-2 rounded-l border border-border-strong bg-raised pr-2 pl-4 shadow-2 transition-opacity duration-240 starting:opacity-0 max-phone:bottom-20 max-phone:h-auto max-phone:flex-wrap max-phone:py-2"
    >
      <b className="whitespace-nowrap" role="status">
        {label}
      </b>
      {extend}
      <span className="flex-1" />
      <span className="flex items-center gap-2 max-phone:order-last max-phone:w-full max-phone:pl-1">{children}</span>
      <span aria-hidden="true" className="mx-1 h-4 w-px bg-border-strong max-phone:hidden" />
      <IconButton icon={X} label="Clear selection" size="row" onClick={onClear} />
    </section>
  );
}
