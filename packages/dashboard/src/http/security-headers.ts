import type { Origins } from "./origins.ts";

/**
 * Headers of every answer. Own assets only and no inline script or style (R50, R54); nobody frames the page; no address of it
 * leaves in a `Referer`; other sites cannot read what is loaded from here.
 * `connect-src` names the WebSocket address beside 'self', since older Safari does not count it as the same.
 */
export function securityHeaders(origins: Origins): Readonly<Record<string, string>> {
  const socket = origins.own.replace(/^http/, "ws");
  return {
    "Content-Security-Policy": [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      "font-src 'self'",
      `connect-src 'self' ${socket}`,
      "manifest-src 'self'",
      "base-uri 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
    ].join("; "),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ...(origins.secure ? { "Strict-Transport-Security": "max-age=31536000" } : {}),
  };
}
