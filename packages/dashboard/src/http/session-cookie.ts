import { parse } from "hono/utils/cookie";
import { SESSION_LONGEST } from "../people/index.ts";

/** `__Host-` binds the cookie to this origin; browsers take it by https only, so on plain http it goes without. */
function nameOf(secure: boolean): string {
  return secure ? "__Host-nixfleet" : "nixfleet";
}

/** The session's secret of a `Cookie` header; null: there is none. */
export function readSessionCookie(header: string | null | undefined, secure: boolean): string | null {
  if (!header) return null;
  return parse(header, nameOf(secure))[nameOf(secure)] ?? null;
}

/** `Set-Cookie` for a session; null ends it. */
export function sessionCookie(secret: string | null, secure: boolean): string {
  const maxAge = secret === null ? 0 : Math.floor(SESSION_LONGEST / 1000);
  const flags = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAge}${secure ? "; Secure" : ""}`;
  return `${nameOf(secure)}=${secret ?? ""}; ${flags}`;
}
