import { CSPProvider } from "@base-ui/react/csp-provider";
import { QueryClientProvider } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import { ToastLayer } from "../components/toast.tsx";
import { TipLayer } from "../components/tooltip.tsx";
import { queryClient } from "./session.ts";

/** What stands around every page, signed in or not. */
export function Frame() {
  return (
    <QueryClientProvider client={queryClient}>
      <CSPProvider disableStyleElements>
        <Outlet />
        <TipLayer />
        <ToastLayer />
      </CSPProvider>
    </QueryClientProvider>
  );
}
