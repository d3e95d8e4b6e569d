import { MissingPage } from "../components/page-placeholder.tsx";

/** An address that nothing stands at. */
export function NotFound() {
  return (
    <main className="px-(--gutter) pt-8">
      <MissingPage heading="Not found" title="There is nothing at this address" link={{ to: "/", label: "To the fleet" }} />
    </main>
  );
}
