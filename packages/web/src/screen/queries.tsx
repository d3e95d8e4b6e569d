import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { onSessionEnd } from "../shell/session.ts";

/** What was read over REST. Live data do not come through here. */
export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false } },
});
onSessionEnd(() => queryClient.clear());

/** Stands around the pages that read something over REST, so that the others do not load what that takes. */
export function Queries({ children }: { children: ReactNode }) {
  return <QueryClientProvider client={queryClient}>{children}</QueryClientProvider>;
}
