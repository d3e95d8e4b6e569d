import { useLocation } from "@tanstack/react-router";

/** The entry of the navigation that this page belongs to: hosts, runs and adding a host belong to the fleet. */
export function useCurrentSection(): "fleet" | "activity" | undefined {
  return useLocation({
    select: ({ pathname }) => {
      if (pathname === "/" || /^\/(?:hosts|runs|add-host)(?:\/|$)/.test(pathname)) return "fleet";
      return pathname.startsWith("/activity") ? "activity" : undefined;
    },
  });
}
