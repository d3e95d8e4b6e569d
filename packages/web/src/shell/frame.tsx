import { CSPProvider } from "@base-ui/react/csp-provider";
import { Outlet } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useToastQueue } from "../components/toast.tsx";
import { firstInteraction } from "../screen/first-interaction.ts";

const ToastLayer = lazy(() => import("../components/toast-layer.tsx"));
const TipLayer = lazy(() => firstInteraction().then(() => import("../components/tip-layer.tsx")));

/** The frame of every page, signed in or not. Toasts load with the first message, tooltips with the first interaction. */
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
