import { Outlet } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { notify } from "../components/toast.tsx";
import type { LiveClient } from "../live/live-client.ts";
import { LiveContext } from "../live/use-live.ts";
import { OpsProvider } from "../ops/ops-provider.tsx";
import { firstInteraction } from "../screen/first-interaction.ts";
import { createBrowserLink } from "./browser-link.ts";
import { Banners } from "./link-state.tsx";
import { usePageShortcuts } from "./shortcuts.ts";
import { TabBar } from "./tab-bar.tsx";
import { TopBar } from "./top-bar.tsx";

const Palette = lazy(() => import("./palette.tsx"));
const Help = lazy(() => import("./help.tsx"));

/** The frame of every page behind the sign-in: bars, banners, the live link, palette and help. */
export function SignedIn() {
  const [client, setClient] = useState<LiveClient | null>(null);
  useEffect(() => {
    const link = createBrowserLink(notifyNewVersion);
    // oxlint-disable-next-line react/set-state-in-effect -- the link is an edge that begins and ends with this frame.
    setClient(link);
    return () => link.stop();
  }, []);
  useEffect(() => {
    // So that the first menu opens at once.
    void firstInteraction().then(() => import("../components/menu.tsx"));
  }, []);
  if (client === null) return null;
  return (
    <LiveContext value={client}>
      <OpsProvider>
        <Bars />
      </OpsProvider>
    </LiveContext>
  );
}

function Bars() {
  const [over, setOver] = useState<"palette" | "help" | undefined>();
  const find = useCallback(() => setOver("palette"), []);
  const help = useCallback(() => setOver("help"), []);
  const close = useCallback(() => setOver(undefined), []);
  usePageShortcuts({ onFind: find, onHelp: help });
  return (
    <>
      <a
        href="#main"
        className="fixed top-2 left-2 z-50 -translate-y-20 rounded-m bg-ink px-3 py-1.5 text-on-ink focus:translate-y-0 max-phone:py-3"
      >
        Skip to content
      </a>
      <TopBar onFind={find} />
      <Banners />
      <main id="main" tabIndex={-1} className="px-(--gutter) pb-12 outline-none max-phone:pb-24">
        <Outlet />
      </main>
      <TabBar />
      <Suspense>
        {over === "palette" && <Palette onClose={close} onHelp={help} />}
        {over === "help" && <Help open onClose={close} />}
      </Suspense>
    </>
  );
}

function notifyNewVersion(): void {
  notify({
    status: "working",
    title: "The dashboard was updated",
    detail: "Reload to use the new version.",
    action: { label: "Reload", press: () => location.reload() },
  });
}
