/** The origins of this dashboard's own page, as browsers send them in `Origin`. */
export interface Origins {
  /** The configured one, for links. */
  readonly own: string;
  /** Whether the page is served over https, so that cookies are `Secure`. */
  readonly secure: boolean;
  has(origin: string | null | undefined): boolean;
}

/**
 * The configured origin, and loopback names with the listening port: a page loaded from there is this
 * dashboard's, also through an ssh tunnel (which is how the setup link is used on a server).
 */
export function createOrigins(configured: string | undefined, port: number): Origins {
  const loopback = ["localhost", "127.0.0.1", "[::1]"].map((name) => new URL(`http://${name}:${port}`).origin);
  const own = configured ?? loopback[0] ?? "";
  const all = new Set([own, ...loopback]);
  return { own, secure: own.startsWith("https:"), has: (origin) => typeof origin === "string" && all.has(origin) };
}
