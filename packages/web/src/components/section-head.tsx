import type { ReactNode } from "react";
import { classNames } from "./class-names.ts";

/** The head of a section, 40 px high: its title, a count, and actions at the end. */
export function SectionHead({
  title,
  count,
  end,
  className,
}: {
  title: string;
  count?: number | undefined;
  end?: ReactNode;
  className?: string;
}) {
  return (
    <div className={classNames("flex h-10 items-center gap-2", className)}>
      <h2 className="text-body font-semibold tracking-name">
        {title}
        {count !== undefined && <span className="ml-2 font-normal text-faint tabular-nums">{count}</span>}
      </h2>
      <span className="flex-1" />
      {end}
    </div>
  );
}
