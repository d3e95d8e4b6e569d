import { Link } from "@tanstack/react-router";
import { SearchX } from "lucide-react";
import type { ReactNode } from "react";
import { buttonClass } from "./button.tsx";
import { EmptyState } from "./empty-state.tsx";
import type { LucideIcon } from "./icon.tsx";
import { Skeleton } from "./skeleton.tsx";

/** Stands in place of a page while what it is about is being read. */
export function PageSkeleton({
  of,
  bars,
}: {
  /** What is read: `The host`. */
  of: string;
  /** Sizes of what will stand there, from the top, below the breadcrumb. */
  bars: readonly string[];
}) {
  return (
    <div role="status" aria-label={`${of} is being read`} className="grid gap-5 pt-14">
      {bars.map((size) => (
        <Skeleton key={size} className={size} />
      ))}
    </div>
  );
}

/** Stands in place of a page that there is not, or not for this person: what is so, why, and the way on. */
export function MissingPage({
  heading,
  icon = SearchX,
  title,
  link,
  children,
}: {
  /** The page's name for those who go by headings. */
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
