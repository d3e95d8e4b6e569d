import { CSRF_HEADER } from "@nixfleet/protocol";
import type { SessionPrincipal } from "../people/index.ts";
import type { Origins } from "./origins.ts";

/**
 * Why a request may come from another site's page; null: it comes from this dashboard's own (R53). Only cookies need this
 * check, since browsers send them by themselves. `session` null: the request would begin one.
 */
export function crossSiteFault(headers: Headers, session: SessionPrincipal | null, origins: Origins): string | null {
  if (!origins.has(headers.get("Origin"))) return `Open the dashboard at ${origins.own}.`;
  if (session !== null && !session.key.isCsrf(headers.get(CSRF_HEADER))) {
    return `The header ${CSRF_HEADER} does not match your session.`;
  }
  return null;
}
