import { PLATFORM_LABELS, type Platform } from "@nixfleet/protocol";

/** A platform in a place with little room. */
export const PLATFORM_SHORT = { ...PLATFORM_LABELS, "home-manager": "Home" } as const satisfies Record<Platform, string>;
