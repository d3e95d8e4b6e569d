import { CSPProvider } from "@base-ui/react/csp-provider";
import { Outlet } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { whenIdle } from "../screen/when-idle.ts";

const ToastLayer = lazy(() => whenIdle().then(() => import("../components/toast-layer.tsx")));
const TipLayer = lazy(() => whenIdle().then(() => import("../components/tip-layer.tsx")));

/** What stands around every page, signed in or not. Toasts and tooltips come when the page has come to rest. */
export function Frame() {
  return (
    <CSPProvider disableStyleElements>
      <Outlet />
      <Suspense>
        <ToastLayer />
        <TipLayer />
      </Suspense>
    </CSPProvider>
  );
}
