import type { Session } from "@nixfleet/protocol";
import { endedSessionCookie, type People, type SessionPrincipal } from "../../people/index.ts";
import { ok, refuse } from "../answer.ts";
import type { Origins } from "../origins.ts";
import type { Serve } from "../serve.ts";

/** First start, signing in and out, one's own sessions and password. */
export function serveSession(serve: Serve, { people, origins }: { people: People; origins: Origins }): void {
  const signedIn = (session: SessionPrincipal) => ok(viewOf(session), { "Set-Cookie": session.key.cookie(origins.secure) });
  const signedOut = { "Set-Cookie": endedSessionCookie(origins.secure) };

  serve("setupState", async () => ok({ needed: await people.setupNeeded() }));

  serve("setup", async ({ body, origin }) => {
    const result = await people.setup(body, origin);
    if (result.kind === "signed-in") return signedIn(result.session);
    return result.kind === "too-many-attempts" ? refuse(result.kind, { retryAfter: result.retryAfter }) : refuse(result.kind);
  });

  serve("signIn", async ({ body, origin }) => {
    const result = await people.signIn(body, origin);
    if (result.kind === "signed-in") return signedIn(result.session);
    return result.kind === "too-many-attempts" ? refuse(result.kind, { retryAfter: result.retryAfter }) : refuse(result.kind);
  });

  serve("session", async ({ principal }) => ok(viewOf(principal)));

  serve("signOut", async ({ principal, origin }) => {
    await people.signOut(principal, origin);
    return ok(undefined, signedOut);
  });

  serve("sessions", async ({ principal }) => ok({ items: await people.sessions.list(principal) }));

  serve("endSession", async ({ params, principal, origin }) => {
    if (!(await people.endSession(principal, params.session, origin))) return refuse("not-found");
    return params.session === principal.sessionId ? ok(undefined, signedOut) : ok(undefined);
  });

  serve("changePassword", async ({ body, principal, origin }) => {
    const result = await people.changePassword(principal, body, origin);
    if (result.kind === "changed") return ok(undefined);
    return result.kind === "too-many-attempts" ? refuse(result.kind, { retryAfter: result.retryAfter }) : refuse(result.kind);
  });
}

function viewOf({ name, role, key }: SessionPrincipal): Session {
  return { person: { name, role }, csrf: key.csrf() };
}
