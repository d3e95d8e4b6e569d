import { lazy, type ReactElement } from "react";
import { MenuButton } from "../components/menu-button.tsx";

const AccountMenu = lazy(() => import("./account-menu.tsx"));

/** Opens the account menu from a button of the bar. */
export function AccountButton({ trigger }: { trigger: ReactElement }) {
  return <MenuButton trigger={trigger} renderMenu={(place) => <AccountMenu {...place} />} />;
}

/** The person's initials, as many as a circle holds. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const [first = "?", second] = words;
  return (second ? `${first.charAt(0)}${second.charAt(0)}` : first.slice(0, 2)).toUpperCase();
}
