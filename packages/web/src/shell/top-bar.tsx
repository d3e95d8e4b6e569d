import { Link } from "@tanstack/react-router";
import { Search } from "lucide-react";
import { IconButton } from "../components/button.tsx";
import { Icon } from "../components/icon.tsx";
import { Kbd } from "../components/kbd.tsx";
import { AccountButton, initials } from "./account-button.tsx";
import { useCurrentSection } from "./current-section.ts";
import { LinkCorner } from "./link-state.tsx";
import { Mark } from "./logo.tsx";
import { useSession } from "./session.ts";

const NAV =
  "relative flex items-center px-2.5 text-muted hover:text-text aria-[current=page]:font-medium aria-[current=page]:text-text aria-[current=page]:after:absolute aria-[current=page]:after:inset-x-2.5 aria-[current=page]:after:-bottom-px aria-[current=page]:after:h-0.5 aria-[current=page]:after:rounded-t-[2px] aria-[current=page]:after:bg-accent-fill focus-visible:-outline-offset-2";

const APPLE = /Mac|iPhone|iPad/.test(navigator.userAgent);

/** The bar over every page: navigation, search, the link's state, the account. */
export function TopBar({ onFind }: { onFind: () => void }) {
  const { person } = useSession();
  const place = useCurrentSection();
  return (
    <header className="sticky top-0 z-20 flex h-12 items-center gap-6 border-b border-border bg-surface px-(--gutter) max-phone:h-13 max-phone:gap-2 max-phone:pr-2">
      <Link
        to="/"
        aria-label="NixFleet"
        className="flex items-center gap-2 text-[15px] font-semibold tracking-[-.015em] max-phone:min-h-11 max-phone:min-w-11"
      >
        <Mark />
        <span className="max-[620px]:max-phone:inline">NixFleet</span>
      </Link>
      <nav aria-label="Pages" className="ml-1 flex gap-1 self-stretch max-phone:hidden">
        <Link to="/" className={NAV} activeProps={{}} aria-current={place === "fleet" ? "page" : undefined}>
          Fleet
        </Link>
        <Link to="/activity" className={NAV} activeProps={{}} aria-current={place === "activity" ? "page" : undefined}>
          Activity
        </Link>
      </nav>
      <span className="flex-1" />
      <button
        type="button"
        onClick={onFind}
        aria-keyshortcuts="Control+K Meta+K"
        className="flex h-8 w-[232px] min-w-0 items-center gap-2 rounded-m border border-border bg-bg pr-2 pl-2.5 text-small text-faint hover:border-border-strong max-phone:hidden"
      >
        <Icon of={Search} />
        <span className="flex-1 truncate text-left">Find or run anything</span>
        <Kbd>{APPLE ? "⌘K" : "Ctrl K"}</Kbd>
      </button>
      <LinkCorner />
      <span className="contents max-phone:hidden">
        <AccountButton
          trigger={
            <button
              type="button"
              className="grid size-7 flex-none place-items-center rounded-full border border-border-strong bg-unknown-soft text-key font-semibold text-muted hover:text-text"
            >
              <span aria-hidden="true">{initials(person.name)}</span>
              <span className="sr-only">Account of {person.name}</span>
            </button>
          }
        />
      </span>
      <span className="contents phone:hidden">
        <IconButton icon={Search} label="Find or run anything" onClick={onFind} />
      </span>
    </header>
  );
}
