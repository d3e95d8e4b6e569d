import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { Frame } from "./shell/frame.tsx";

const root = createRootRoute({ component: Frame });

const sheet = import.meta.env.DEV
  ? [
      createRoute({
        getParentRoute: () => root,
        path: "/components",
        component: lazyRouteComponent(() => import("./dev/component-sheet.tsx")),
      }),
    ]
  : [];

export const router = createRouter({ routeTree: root.addChildren([...sheet]) });

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
