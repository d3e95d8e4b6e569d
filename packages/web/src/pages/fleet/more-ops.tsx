import { type OpName, opDeclaration } from "@nixfleet/protocol";
import { Menu, MenuItem } from "../../components/menu.tsx";
import type { MenuPlace } from "../../components/menu-button.tsx";
import { MENU_OPS, opLabel } from "../../ops/requests.ts";

/** The ops that have no button of their own. */
export default function MoreOps({
  except,
  hosts,
  onStart,
  ...place
}: MenuPlace & { except: readonly OpName[]; hosts: number; onStart: (op: OpName) => void }) {
  return (
    <Menu {...place}>
      {MENU_OPS.filter((op) => !except.includes(op)).map((op) => (
        <MenuItem key={op} danger={opDeclaration(op).secondFactor} onSelect={() => onStart(op)}>
          {opLabel(op, hosts)}
        </MenuItem>
      ))}
    </Menu>
  );
}
