import { NoPage } from "../components/page-stand-in.tsx";

/** An address that nothing stands at. */
export function NotFound() {
  return (
    <main className="px-(--gutter) pt-8">
      <NoPage heading="Not found" title="There is nothing at this address" way={{ to: "/", label: "To the fleet" }} />
    </main>
  );
}
