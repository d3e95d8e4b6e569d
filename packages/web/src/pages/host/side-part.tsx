import type { ReactNode } from "react";
import { SectionHead } from "../../components/section-head.tsx";

/** A part of the side column, parted from the one above by a line. */
export function SidePart({
  title,
  count,
  end,
  children,
}: {
  title: string;
  count?: number | undefined;
  end?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="mt-3.5 border-t border-border pt-1 first:mt-0 first:border-t-0 first:pt-0">
      <SectionHead title={title} count={count} end={end} />
      {children}
    </section>
  );
}
