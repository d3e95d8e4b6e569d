import { CSPProvider } from "@base-ui/react/csp-provider";
import { Outlet } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useToastQueue } from "../components/toast.tsx";
import { firstInteraction } from "../screen/first-interaction.ts";

const ToastLayer = lazy(() => import("../components/toast-layer.tsx"));
const TipLayer = lazy(() => firstInteraction().then(() => import("../components/tip-layer.tsx")));

/** What stands around every page, signed in or not. Toasts come with the first of them, tooltips when the page is used. */
export function Frame() {
  const used = useToastQueue((queue) => queue.used);
  return (
    <CSPProvider disableStyleElements>
      <Outlet />
      <Suspense>{used && <ToastLayer />}</Suspense>
      <Suspense>
        <TipLayer />
      </Suspense>
    </CSPProvider>
  );
}
