import { Search } from "lucide-react";
import { type ComponentProps, type ReactNode, useId } from "react";
import { classNames } from "./class-names.ts";
import { Icon } from "./icon.tsx";

const BOX =
  "h-8 w-full min-w-0 rounded-m border border-control bg-surface px-2.5 text-small text-text max-phone:h-11 max-phone:text-subject max-phone:font-normal aria-invalid:border-broken-fill";

/** A field with its label above and a hint or an error below. */
export function Field({
  label,
  hint,
  fault,
  mono = false,
  ...rest
}: ComponentProps<"input"> & { label: string; hint?: ReactNode; fault?: string | undefined; mono?: boolean }) {
  const id = useId();
  return (
    <div className="grid gap-1.5">
      <label htmlFor={id} className="text-small font-medium">
        {label}
      </label>
      <input
        {...rest}
        id={id}
        className={classNames(BOX, mono && "font-mono tracking-code")}
        aria-invalid={fault !== undefined || undefined}
        aria-describedby={fault || hint ? `${id}-note` : undefined}
      />
      {(fault || hint) && (
        <p
          id={`${id}-note`}
          role={fault ? "alert" : undefined}
          className={classNames("text-label", fault ? "text-broken" : "text-muted")}
        >
          {fault ?? hint}
        </p>
      )}
    </div>
  );
}

/** A search box with its magnifier; `end` is drawn at its end: a key, a count. */
export function SearchInput({ label, end, className, ...rest }: ComponentProps<"input"> & { label: string; end?: ReactNode }) {
  return (
    <span
      className={classNames(
        "flex h-8 items-center gap-2 rounded-m border border-border bg-surface pr-2 pl-2.5 text-faint max-phone:h-[46px]",
        "focus-within:border-accent-fill focus-within:text-muted focus-within:outline focus-within:outline-accent-fill",
        className,
      )}
    >
      <Icon of={Search} />
      <input
        type="search"
        autoComplete="off"
        spellCheck={false}
        {...rest}
        aria-label={label}
        className="h-full min-w-0 flex-1 bg-transparent text-small text-text outline-none max-phone:text-subject max-phone:font-normal [&::-webkit-search-cancel-button]:hidden"
      />
      {end}
    </span>
  );
}
