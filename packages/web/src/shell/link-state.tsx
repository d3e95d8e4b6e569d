import { useRouter } from "@tanstack/react-router";
import { Banner } from "../components/banner.tsx";
import { Button } from "../components/button.tsx";
import { LinkDot } from "../components/link-dot.tsx";
import { formatClock } from "../format/duration.ts";
import { useLink, useRetryLink, useServerInfo } from "../live/use-live.ts";
import { useTimed } from "../time/clock.ts";
import { forgetSession } from "./session.ts";

/** The state of the live link, in the corner of the page. */
export function LinkCorner() {
  const link = useLink();
  const words = useTimed((now) => {
    switch (link.kind) {
      case "connecting":
        // No wider than what follows in a moment, so that nothing beside it moves.
        return "\u2026";
      case "live":
        return "Live";
      case "reconnecting":
        return `Reconnecting in ${Math.max(1, Math.ceil((link.at - Date.now()) / 1_000))}\u00a0s`;
      case "offline":
        return `Offline since ${formatClock(link.since, now)}`;
      case "signed-out":
        return "Signed out";
    }
  });
  const state =
    link.kind === "live" ? "live" : link.kind === "offline" || link.kind === "signed-out" ? "offline" : "reconnecting";
  return <LinkDot state={state} words={words} />;
}

/** The banners over every page: an ended session, a lost link, a problem of the dashboard itself. */
export function Banners() {
  const link = useLink();
  const retry = useRetryLink();
  const server = useServerInfo();
  const router = useRouter();
  const since = useTimed((now) => (link.kind === "offline" ? formatClock(link.since, now) : ""));
  const signIn = async () => {
    await router.navigate({ to: "/sign-in", search: { back: router.state.location.href } });
    forgetSession();
  };
  return (
    <>
      {link.kind === "signed-out" && (
        <Banner
          status="broken"
          action={
            <Button size="row" onClick={() => void signIn()}>
              Sign in
            </Button>
          }
        >
          <b>Your session has ended.</b> This page no longer updates.
        </Banner>
      )}
      {link.kind === "offline" && (
        <Banner
          status="attention"
          action={
            <Button size="row" onClick={retry}>
              Try now
            </Button>
          }
        >
          <b>The dashboard has not responded since {since}.</b> This page shows the last known state. Hosts keep running.
        </Banner>
      )}
      {server?.storage && (
        <Banner status="broken">
          <b>The dashboard cannot write to its database.</b> {server.storage}
        </Banner>
      )}
      {server?.notice && <Banner status="working">{server.notice}</Banner>}
    </>
  );
}
