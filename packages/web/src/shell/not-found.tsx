import { MissingPage } from "../components/page-placeholder.tsx";

/** The page of an unknown address. */
export function NotFound() {
  return (
    <main className="px-(--gutter) pt-8">
      <MissingPage heading="Not found" title="Page not found" link={{ to: "/", label: "Back to Fleet" }} />
    </main>
  );
}
