import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import type { ComponentType } from "react";
import { call, ProblemError } from "./live/api.ts";
import { readActivityFilter } from "./pages/activity/address.ts";
import { readAddHostSearch } from "./pages/add-host/address.ts";
import { readFleetSearch } from "./pages/fleet/view.ts";
import { readComparison } from "./pages/host/address.ts";
import { Frame } from "./shell/frame.tsx";
import { NotFound } from "./shell/not-found.tsx";
import { PageError } from "./shell/page-error.tsx";
import { ensureSession } from "./shell/session.ts";

/** A page that reads over REST. The query client is loaded with it, not with the first page. */
function readingPage(load: () => Promise<ComponentType>) {
  return lazyRouteComponent(async () => {
    const [{ Queries }, Page] = await Promise.all([import("./screen/queries.tsx"), load()]);
    return {
      default: () => (
        <Queries>
          <Page />
        </Queries>
      ),
    };
  });
}

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound, errorComponent: PageError });

/** Everything behind the sign-in. Without a session it redirects to the sign-in page, which leads back here. */
const signedIn = createRoute({
  getParentRoute: () => root,
  id: "signed-in",
  component: lazyRouteComponent(() => import("./shell/signed-in.tsx"), "SignedIn"),
  beforeLoad: async ({ location }) => {
    try {
      await ensureSession();
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.code !== "not-signed-in") throw error;
      const { needed } = await call("setupState", {});
      if (needed) redirect({ to: "/setup", throw: true });
      redirect({ to: "/sign-in", search: location.href === "/" ? {} : { back: location.href }, throw: true });
    }
  },
});

const fleet = createRoute({
  getParentRoute: () => signedIn,
  path: "/",
  validateSearch: readFleetSearch,
  component: lazyRouteComponent(() => import("./pages/fleet/fleet-page.tsx"), "FleetPage"),
});
const host = createRoute({
  getParentRoute: () => signedIn,
  path: "/hosts/$host",
  component: readingPage(async () => (await import("./pages/host/host-frame.tsx")).HostFrame),
});
const hostOverview = createRoute({
  getParentRoute: () => host,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/host/host-overview.tsx"), "HostOverview"),
});
const hostGenerations = createRoute({
  getParentRoute: () => host,
  path: "/generations",
  validateSearch: readComparison,
  component: lazyRouteComponent(() => import("./pages/host/host-generations.tsx"), "HostGenerations"),
});
const hostChanges = createRoute({
  getParentRoute: () => host,
  path: "/changes",
  component: lazyRouteComponent(() => import("./pages/host/host-changes.tsx"), "HostChanges"),
});
const hostRuns = createRoute({
  getParentRoute: () => host,
  path: "/runs",
  component: lazyRouteComponent(() => import("./pages/host/host-runs.tsx"), "HostRuns"),
});
const account = createRoute({
  getParentRoute: () => signedIn,
  path: "/account",
  component: readingPage(async () => (await import("./pages/account/account-page.tsx")).AccountPage),
});
const run = createRoute({
  getParentRoute: () => signedIn,
  path: "/runs/$run",
  component: lazyRouteComponent(() => import("./pages/run/run-page.tsx"), "RunPage"),
});
const addHost = createRoute({
  getParentRoute: () => signedIn,
  path: "/add-host",
  validateSearch: readAddHostSearch,
  component: lazyRouteComponent(() => import("./pages/add-host/add-host-page.tsx"), "AddHostPage"),
});
const activity = createRoute({
  getParentRoute: () => signedIn,
  path: "/activity",
  validateSearch: readActivityFilter,
  component: readingPage(async () => (await import("./pages/activity/activity-page.tsx")).ActivityPage),
});

/** The address to return to after signing in. Only paths of this dashboard are accepted, to prevent open redirects. */
function readBack(search: Readonly<Record<string, unknown>>): { back?: string } {
  const { back } = search;
  return typeof back === "string" && /^\/(?![/\\])/.test(back) ? { back } : {};
}
const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: readBack,
  component: lazyRouteComponent(() => import("./pages/sign-in/sign-in-page.tsx"), "SignInPage"),
});
const setup = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  component: lazyRouteComponent(() => import("./pages/first-start/setup-page.tsx"), "SetupPage"),
});

const sheet = import.meta.env.DEV
  ? [
      createRoute({
        getParentRoute: () => root,
        path: "/components",
        component: lazyRouteComponent(() => import("./dev/component-sheet.tsx")),
      }),
    ]
  : [];

export const router = createRouter({
  routeTree: root.addChildren([
    signedIn.addChildren([
      fleet,
      host.addChildren([hostOverview, hostGenerations, hostChanges, hostRuns]),
      account,
      run,
      addHost,
      activity,
    ]),
    signIn,
    setup,
    ...sheet,
  ]),
  defaultPreload: "intent",
  defaultPendingMs: 300,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
