import { type ComponentProps, type ReactNode, useId } from "react";

/** A switch with its label beside it and a hint below. The whole line can be pressed. */
export function Switch({
  label,
  hint,
  checked,
  ...rest
}: Omit<ComponentProps<"input">, "type"> & { checked: boolean; label: string; hint?: ReactNode }) {
  const id = useId();
  return (
    <div className="grid gap-1.5">
      <label className="flex items-center gap-2.5 text-small font-medium max-phone:min-h-11">
        <span className="relative grid flex-none items-center">
          <input
            {...rest}
            type="checkbox"
            role="switch"
            checked={checked}
            aria-checked={checked}
            aria-describedby={hint ? `${id}-hint` : undefined}
            className="peer h-5 w-9 appearance-none rounded-full border border-control bg-surface checked:border-accent-fill checked:bg-accent-fill"
          />
          <i
            aria-hidden="true"
            className="pointer-events-none absolute left-1 size-3 rounded-full bg-control transition-transform peer-checked:translate-x-4 peer-checked:bg-on-accent"
          />
        </span>
        {label}
      </label>
      {hint && (
        <div id={`${id}-hint`} className="text-label text-muted">
          {hint}
        </div>
      )}
    </div>
  );
}
