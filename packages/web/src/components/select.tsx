import { ChevronDown } from "lucide-react";
import { type ComponentProps, type ReactNode, useId } from "react";
import { Icon } from "./icon.tsx";

/** A choice of one of a few, with its label above and a note below. The note is read again when it changes. */
export function Select({ label, note, children, ...rest }: ComponentProps<"select"> & { label: string; note?: ReactNode }) {
  const id = useId();
  return (
    <div className="grid gap-1.5">
      <label htmlFor={id} className="text-small font-medium">
        {label}
      </label>
      <span className="relative grid items-center">
        <select
          {...rest}
          id={id}
          aria-describedby={note ? `${id}-note` : undefined}
          className="h-8 w-full min-w-0 appearance-none truncate rounded-m border border-control bg-surface pr-8 pl-2.5 text-small text-text max-phone:h-11 max-phone:text-subject max-phone:font-normal"
        >
          {children}
        </select>
        <span className="pointer-events-none absolute right-2.5 grid text-muted">
          <Icon of={ChevronDown} />
        </span>
      </span>
      {note && (
        <div id={`${id}-note`} aria-live="polite" className="grid gap-1 text-label text-muted">
          {note}
        </div>
      )}
    </div>
  );
}
