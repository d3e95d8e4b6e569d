import { Link } from "@tanstack/react-router";
import { CircleUserRound, History, Server } from "lucide-react";
import { Icon } from "../components/icon.tsx";
import { AccountButton } from "./account-button.tsx";
import { useCurrentSection } from "./current-section.ts";

const TAB =
  "group/tab grid content-center justify-items-center gap-[3px] text-label text-muted aria-[current=page]:font-medium aria-[current=page]:text-text focus-visible:-outline-offset-2";

/** The pages on a phone, within the thumb's reach. */
export function TabBar() {
  const place = useCurrentSection();
  return (
    <nav
      aria-label="Pages"
      className="fixed inset-x-0 bottom-0 z-20 grid h-16 grid-cols-3 border-t border-border bg-surface px-1 pb-1.5 phone:hidden"
    >
      <Link to="/" className={TAB} activeProps={{}} aria-current={place === "fleet" ? "page" : undefined}>
        <TabIcon of={Server} />
        Fleet
      </Link>
      <Link to="/activity" className={TAB} activeProps={{}} aria-current={place === "activity" ? "page" : undefined}>
        <TabIcon of={History} />
        Activity
      </Link>
      <AccountButton
        trigger={
          <button type="button" className={TAB}>
            <TabIcon of={CircleUserRound} />
            Account
          </button>
        }
      />
    </nav>
  );
}

function TabIcon({ of }: { of: typeof Server }) {
  return <Icon of={of} size={20} className="group-aria-[current=page]/tab:text-accent" />;
}
