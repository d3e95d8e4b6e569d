import type { Session } from "@nixfleet/protocol";
import { create } from "zustand";
import { call, setCsrf } from "../live/api.ts";

const useStore = create<{ session: Session | undefined }>(() => ({ session: undefined }));
const atEnd = new Set<() => void>();

/** Makes sure that somebody is signed in. @throws ProblemError `not-signed-in`; UnreachableError */
export async function ensureSession(signal?: AbortSignal): Promise<Session> {
  const known = useStore.getState().session;
  if (known) return known;
  const session = await call("session", {}, signal);
  beginSession(session);
  return session;
}

/** Who is signed in. Only below the signed-in frame. */
export function useSession(): Session {
  const session = useStore((store) => store.session);
  if (session === undefined) throw new Error("This part of the page is for people who are signed in.");
  return session;
}

/** Takes up a session that was just begun by signing in or setting up. */
export function beginSession(session: Session): void {
  setCsrf(session.csrf);
  useStore.setState({ session });
}

/** Forgets the session and everything that was read under it. Leave the signed-in pages first. */
export function forgetSession(): void {
  setCsrf(null);
  useStore.setState({ session: undefined });
  for (const forget of atEnd) forget();
}

/** Hears when what was read under a session must be forgotten. */
export function onSessionEnd(forget: () => void): void {
  atEnd.add(forget);
}
