import type { Session } from "@nixfleet/protocol";
import { QueryClient, queryOptions, useSuspenseQuery } from "@tanstack/react-query";
import { call, setCsrf } from "../live/api.ts";

/** What was read over REST. Live data do not come through here. */
export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false, staleTime: Number.POSITIVE_INFINITY } },
});

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }): Promise<Session> => {
    const session = await call("session", {}, signal);
    setCsrf(session.csrf);
    return session;
  },
});

/** Who is signed in. Only below the signed-in frame. */
export function useSession(): Session {
  return useSuspenseQuery(sessionQuery).data;
}

/** Takes up a session that was just begun by signing in or setting up. */
export function beginSession(session: Session): void {
  setCsrf(session.csrf);
  queryClient.setQueryData(sessionQuery.queryKey, session);
}

/** Forgets the session and everything that was read under it. */
export function forgetSession(): void {
  setCsrf(null);
  queryClient.clear();
}
