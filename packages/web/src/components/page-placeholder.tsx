import { Link } from "@tanstack/react-router";
import { SearchX } from "lucide-react";
import type { ReactNode } from "react";
import { buttonClass } from "./button.tsx";
import { EmptyState } from "./empty-state.tsx";
import type { LucideIcon } from "./icon.tsx";
import { Skeleton } from "./skeleton.tsx";

/** The skeleton of a page whose data is loading. */
export function PageSkeleton({
  of,
  bars,
}: {
  /** What is loaded: `the host`. */
  of: string;
  /** Sizes of the parts of the page, from the top, below the breadcrumb. */
  bars: readonly string[];
}) {
  return (
    <div role="status" aria-label={`Loading ${of}`} className="grid grid-cols-[minmax(0,1fr)] gap-5 pt-14">
      {bars.map((size) => (
        <Skeleton key={size} className={size} />
      ))}
    </div>
  );
}

/** Shown instead of a page that does not exist or that this person may not see: what, why, and a link onwards. */
export function MissingPage({
  heading,
  icon = SearchX,
  title,
  link,
  children,
}: {
  /** The page's name, for screen readers. */
  heading: string;
  icon?: LucideIcon;
  title: string;
  link: { readonly to: "/" | "/add-host"; readonly label: string };
  children?: ReactNode;
}) {
  return (
    <div className="mx-auto max-w-[560px] pt-16">
      <h1 className="sr-only">{heading}</h1>
      <EmptyState
        icon={icon}
        title={title}
        action={
          <Link to={link.to} className={buttonClass()}>
            {link.label}
          </Link>
        }
      >
        {children}
      </EmptyState>
    </div>
  );
}
