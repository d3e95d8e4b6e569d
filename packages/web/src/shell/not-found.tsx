import { Link } from "@tanstack/react-router";
import { SearchX } from "lucide-react";
import { buttonClass } from "../components/button.tsx";
import { EmptyState } from "../components/empty-state.tsx";

/** An address that nothing stands at. */
export function NotFound() {
  return (
    <main className="mx-auto max-w-[560px] px-(--gutter) pt-24">
      <EmptyState
        icon={SearchX}
        title="There is nothing at this address"
        action={
          <Link to="/" className={buttonClass()}>
            To the fleet
          </Link>
        }
      />
    </main>
  );
}
