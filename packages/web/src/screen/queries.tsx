import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { onSessionEnd } from "../shell/session.ts";

/** The cache of what was read over REST. Live data does not pass through it. */
export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false } },
});
onSessionEnd(() => queryClient.clear());

/** Wraps the pages that read over REST, so that the others do not load the query client. */
export function Queries({ children }: { children: ReactNode }) {
  return <QueryClientProvider client={queryClient}>{children}</QueryClientProvider>;
}
