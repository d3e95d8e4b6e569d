import type { ReactNode } from "react";
import { classNames } from "./class-names.ts";

/** Lines of code or output, as they are. Scrolls sideways by itself; reachable by the keyboard for that. */
export function CodeBlock({ children, label, small = false }: { children: ReactNode; label: string; small?: boolean }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard (WCAG 2.1.1).
    <section aria-label={label} tabIndex={0} className="overflow-x-auto rounded-m border border-border bg-sunken">
      <pre className={classNames("w-max min-w-full px-4 py-3 leading-5", small ? "text-label leading-5!" : "text-small")}>
        {children}
      </pre>
    </section>
  );
}
