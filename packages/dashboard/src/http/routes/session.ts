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

  serve("setup", async ({ body, whence }) => {
    const result = await people.setup(body, whence);
    if (result.kind === "signed-in") return signedIn(result.caller);
    return result.kind === "too-many-attempts" ? refuse(result.kind, { retryAfter: result.retryAfter }) : refuse(result.kind);
  });

  serve("signIn", async ({ body, whence }) => {
    const result = await people.signIn(body, whence);
    if (result.kind === "signed-in") return signedIn(result.caller);
    return result.kind === "too-many-attempts" ? refuse(result.kind, { retryAfter: result.retryAfter }) : refuse(result.kind);
  });

  serve("session", async ({ caller }) => ok(viewOf(caller)));

  serve("signOut", async ({ caller, whence }) => {
    await people.signOut(caller, whence);
    return ok(undefined, signedOut);
  });

  serve("sessions", async ({ caller }) => ok({ items: await people.sessions.list(caller) }));

  serve("endSession", async ({ params, caller, whence }) => {
    if (!(await people.endSession(caller, params.session, whence))) return refuse("not-found");
    return params.session === caller.sessionId ? ok(undefined, signedOut) : ok(undefined);
  });

  serve("changePassword", async ({ body, caller, whence }) => {
    const result = await people.changePassword(caller, body, whence);
    if (result.kind === "changed") return ok(undefined);
    return result.kind === "too-many-attempts" ? refuse(result.kind, { retryAfter: result.retryAfter }) : refuse(result.kind);
  });
}

function viewOf({ name, role, csrf }: Caller): Session {
  return { person: { name, role }, csrf };
}
