import { parse } from "hono/utils/cookie";

/** `__Host-` binds the cookie to this origin; browsers accept it over https only, so plain http goes without. */
function nameOf(secure: boolean): string {
  return secure ? "__Host-nixfleet" : "nixfleet";
}

/** The session's secret of a `Cookie` header; null: there is none. */
export function readSessionCookie(header: string | null | undefined, secure: boolean): string | null {
  if (!header) return null;
  return parse(header, nameOf(secure))[nameOf(secure)] ?? null;
}

/** `Set-Cookie` for a session that ends `maxAge` milliseconds from now at the latest. */
export function sessionCookie(secret: string, secure: boolean, maxAge: number): string {
  return `${nameOf(secure)}=${secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${Math.floor(maxAge / 1000)}${secure ? "; Secure" : ""}`;
}

/** `Set-Cookie` that makes the browser forget its session. */
export function endedSessionCookie(secure: boolean): string {
  return sessionCookie("", secure, 0);
}
