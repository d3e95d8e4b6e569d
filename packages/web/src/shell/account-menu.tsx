import { Link, useRouter } from "@tanstack/react-router";
import { KeyRound, LogOut, MonitorSmartphone } from "lucide-react";
import { Menu, MenuChoice, MenuItem, MenuLine, MenuLink } from "../components/menu.tsx";
import type { MenuPlace } from "../components/menu-button.tsx";
import { notify } from "../components/toast.tsx";
import { call } from "../live/api.ts";
import { messageOf } from "../ops/message-of.ts";
import { forgetSession, useSession } from "./session.ts";
import { setTheme, type Theme, useTheme } from "./theme.ts";

const THEMES = [
  { value: "system", label: "System" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
] as const satisfies readonly { value: Theme; label: string }[];

/** The account menu: password, sessions, theme, sign out. */
export default function AccountMenu(place: MenuPlace) {
  const { person } = useSession();
  const theme = useTheme();
  const router = useRouter();
  const signOut = async () => {
    try {
      await call("signOut", {});
    } catch (error) {
      notify({ status: "broken", title: "Could not sign out", detail: messageOf(error) });
      return;
    }
    await router.navigate({ to: "/sign-in" });
    forgetSession();
  };
  return (
    <Menu {...place}>
      <p className="px-2.5 pt-1.5 pb-1">
        <b className="block truncate">{person.name}</b>
        <span className="text-label text-faint">{person.role}</span>
      </p>
      <MenuLine />
      <MenuLink icon={KeyRound} render={<Link to="/account" hash="password" />}>
        Change password
      </MenuLink>
      <MenuLink icon={MonitorSmartphone} render={<Link to="/account" hash="sessions" />}>
        Sessions
      </MenuLink>
      <MenuLine />
      <MenuChoice label="Theme" value={theme} choices={THEMES} onChoose={setTheme} />
      <MenuLine />
      <MenuItem icon={LogOut} onSelect={() => void signOut()}>
        Sign out
      </MenuItem>
    </Menu>
  );
}
