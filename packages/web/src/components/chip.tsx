import { classNames } from "./class-names.ts";

/** The classes of a filter, for the link or button that sets it. */
export function chipClass(on: boolean): string {
  return classNames(
    "inline-flex h-7 flex-none items-center gap-1.5 rounded-m border px-2.5 text-small whitespace-nowrap transition-colors max-phone:h-11",
    on ? "border-transparent bg-accent-soft font-medium text-accent" : "border-border text-muted hover:bg-hover",
  );
}
