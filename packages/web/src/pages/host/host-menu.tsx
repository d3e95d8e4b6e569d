import type { HostRow } from "@nixfleet/protocol";
import { Trash2 } from "lucide-react";
import { MenuItem, MenuLine } from "../../components/menu.tsx";
import type { MenuPlace } from "../../components/menu-button.tsx";
import OpMenu from "../../ops/op-menu.tsx";
import { useSession } from "../../shell/session.ts";
import { useHostRemoval } from "./host-removal.ts";

/** Everything that can be done to this host; an administrator can also take it out of the fleet. */
export default function HostMenu({ row, ...place }: MenuPlace & { row: HostRow }) {
  const { person } = useSession();
  return (
    <OpMenu {...place} row={row} here>
      {person.role === "admin" && (
        <>
          <MenuLine />
          <MenuItem icon={Trash2} danger onSelect={() => useHostRemoval.setState({ host: row })}>
            Remove host…
          </MenuItem>
        </>
      )}
    </OpMenu>
  );
}
