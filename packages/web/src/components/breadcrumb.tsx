import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import { Icon } from "./icon.tsx";

/** The way to this page, in `Crumb`s; the last one is the page itself. */
export function Breadcrumb({ children }: { children: ReactNode }) {
  return (
    <nav aria-label="Breadcrumb" className="pt-5 max-phone:pt-1">
      <ol className="flex items-center gap-1.5 text-small text-muted">{children}</ol>
    </nav>
  );
}

export function Crumb({ children }: { children: ReactNode }) {
  return (
    <li className="group/crumb flex min-w-0 items-center gap-1.5 truncate last:text-text max-phone:min-h-11 [&>a]:inline-flex [&>a]:items-center [&>a]:hover:text-text max-phone:[&>a]:min-h-11 max-phone:[&>a]:min-w-11">
      <span className="text-muted group-first/crumb:hidden">
        <Icon of={ChevronRight} />
      </span>
      {children}
    </li>
  );
}
