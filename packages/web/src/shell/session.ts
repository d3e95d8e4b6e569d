import type { Session } from "@nixfleet/protocol";
import { create } from "zustand";
import { call, setCsrf } from "../live/api.ts";

const useStore = create<{ session: Session | undefined }>(() => ({ session: undefined }));
const atEnd = new Set<() => void>();

/** Returns the session of the signed-in person. @throws ProblemError `not-signed-in`; UnreachableError */
export async function ensureSession(signal?: AbortSignal): Promise<Session> {
  const known = useStore.getState().session;
  if (known) return known;
  const session = await call("session", {}, signal);
  beginSession(session);
  return session;
}

/** The session. Only below the signed-in frame. */
export function useSession(): Session {
  const session = useStore((store) => store.session);
  if (session === undefined) throw new Error("There is a session only below the signed-in frame.");
  return session;
}

/** Stores a new session after sign-in or setup. */
export function beginSession(session: Session): void {
  setCsrf(session.csrf);
  useStore.setState({ session });
}

/** Drops the session and all data of it. Leave the signed-in pages first. */
export function forgetSession(): void {
  setCsrf(null);
  useStore.setState({ session: undefined });
  for (const forget of atEnd) forget();
}

/** Calls `forget` when data of the session must be dropped. */
export function onSessionEnd(forget: () => void): void {
  atEnd.add(forget);
}
