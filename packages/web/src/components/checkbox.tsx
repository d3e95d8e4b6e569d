import { Check, Minus } from "lucide-react";
import type { ComponentProps } from "react";
import { Icon } from "./icon.tsx";

/** A box to check; `some` is the state between: not none, not all. */
export function Checkbox({
  label,
  some = false,
  ...rest
}: Omit<ComponentProps<"input">, "type"> & { label: string; some?: boolean }) {
  return (
    <label className="relative grid size-4 flex-none place-items-center max-phone:size-11">
      <input
        {...rest}
        type="checkbox"
        aria-label={label}
        ref={(input) => {
          if (input) input.indeterminate = some;
        }}
        className="peer size-4 appearance-none rounded-s border border-control bg-surface checked:border-accent-fill checked:bg-accent-fill indeterminate:border-accent-fill indeterminate:bg-accent-fill"
      />
      <span className="pointer-events-none absolute hidden text-on-accent peer-checked:block peer-indeterminate:block">
        <Icon of={some ? Minus : Check} size={12} />
      </span>
    </label>
  );
}
