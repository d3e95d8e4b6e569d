import { type OpName, opDeclaration } from "@nixfleet/protocol";
import { Menu, MenuItem } from "../../components/menu.tsx";
import type { MenuPlace } from "../../components/menu-button.tsx";
import { ALL_OPS } from "../../ops/requests.ts";

/** The ops that have no button of their own. */
export default function MoreOps({
  except,
  mark,
  onStart,
  ...place
}: MenuPlace & { except: readonly OpName[]; mark: string; onStart: (op: OpName) => void }) {
  return (
    <Menu {...place}>
      {ALL_OPS.filter((op) => !except.includes(op)).map((op) => (
        <MenuItem key={op} onSelect={() => onStart(op)}>
          {opDeclaration(op).label}
          {mark}
        </MenuItem>
      ))}
    </Menu>
  );
}
