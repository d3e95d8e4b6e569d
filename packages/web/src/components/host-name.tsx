import { classNames } from "./class-names.ts";

/** The colour of a host's bar: the one of its configuration, or one of eight by its name, so that it is the same everywhere. */
export function hostAccent(name: string, colour?: string | null): string {
  if (colour) return colour;
  let hash = 0;
  for (const char of name) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return `var(--h${(hash % 8) + 1})`;
}

/** A host's name behind its bar. Text and status never take the colour. `away`: the host is stale or offline. */
export function HostName({
  name,
  colour,
  away = false,
  size = "row",
}: {
  name: string;
  colour?: string | null | undefined;
  away?: boolean;
  size?: "row" | "card" | "head";
}) {
  return (
    <span
      className={classNames(
        "inline-flex min-w-0 items-center font-semibold tracking-name whitespace-nowrap",
        size === "head" ? "gap-3 tracking-title" : "gap-2.5",
        size === "card" && "text-subject",
        away && "text-muted",
      )}
    >
      <i
        className={classNames(
          "w-[3px] flex-none rounded-[2px]",
          size === "head" ? "h-7" : "h-5 compact:h-4",
          away && "opacity-50",
        )}
        style={{ background: hostAccent(name, colour) }}
      />
      <span className="truncate">{name}</span>
    </span>
  );
}
