import type { Session } from "@nixfleet/protocol";
import type { Caller, People } from "../../people/index.ts";
import { ok, refuse } from "../answer.ts";
import type { Origins } from "../origins.ts";
import type { Serve } from "../serve.ts";
import { sessionCookie } from "../session-cookie.ts";

/** First start, signing in and out, one's own sessions and password. */
export function serveSession(serve: Serve, { people, origins }: { people: People; origins: Origins }): void {
  const signedIn = (caller: Caller) => ok(viewOf(caller), { "Set-Cookie": sessionCookie(caller.secret, origins.secure) });
  const signedOut = { "Set-Cookie": sessionCookie(null, origins.secure) };

  serve("setupState", async () => ok({ needed: await people.setupNeeded() }));

  serve("setup", async ({ body, origin }) => {
    const result = await people.setup(body, origin);
    if (result.kind === "signed-in") return signedIn(result.caller);
    return result.kind === "too-many-attempts" ? refuse(result.kind, { retryAfter: result.retryAfter }) : refuse(result.kind);
  });

  serve("signIn", async ({ body, origin }) => {
    const result = await people.signIn(body, origin);
    if (result.kind === "signed-in") return signedIn(result.caller);
    return result.kind === "too-many-attempts" ? refuse(result.kind, { retryAfter: result.retryAfter }) : refuse(result.kind);
  });

  serve("session", async ({ caller }) => ok(viewOf(caller)));

  serve("signOut", async ({ caller, origin }) => {
    await people.signOut(caller, origin);
    return ok(undefined, signedOut);
  });

  serve("sessions", async ({ caller }) => ok({ items: await people.sessions.list(caller) }));

  serve("endSession", async ({ params, caller, origin }) => {
    if (!(await people.endSession(caller, params.session, origin))) return refuse("not-found");
    return params.session === caller.sessionId ? ok(undefined, signedOut) : ok(undefined);
  });

  serve("changePassword", async ({ body, caller, origin }) => {
    const result = await people.changePassword(caller, body, origin);
    if (result.kind === "changed") return ok(undefined);
    return result.kind === "too-many-attempts" ? refuse(result.kind, { retryAfter: result.retryAfter }) : refuse(result.kind);
  });
}

function viewOf({ name, role, csrf }: Caller): Session {
  return { person: { name, role }, csrf };
}
