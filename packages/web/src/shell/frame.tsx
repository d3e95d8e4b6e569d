import { CSPProvider } from "@base-ui/react/csp-provider";
import { Outlet } from "@tanstack/react-router";
import { ToastLayer } from "../components/toast.tsx";
import { TipLayer } from "../components/tooltip.tsx";

/** What stands around every page. */
export function Frame() {
  return (
    <CSPProvider disableStyleElements>
      <Outlet />
      <TipLayer />
      <ToastLayer />
    </CSPProvider>
  );
}
