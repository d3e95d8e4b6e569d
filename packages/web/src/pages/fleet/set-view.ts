import { useNavigate } from "@tanstack/react-router";
import { type FleetSearch, readFleetSearch } from "./view.ts";

export type SetView = (change: { readonly [K in keyof FleetSearch]: FleetSearch[K] | undefined }) => void;

/** Changes parts of the view; what is as usual leaves the address again. */
export function useSetView(): SetView {
  const navigate = useNavigate();
  return (change) =>
    void navigate({ to: "/", search: (search) => readFleetSearch({ ...search, ...change }), replace: true, resetScroll: false });
}
