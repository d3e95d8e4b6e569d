import { type HostRow, type OpName, opDeclaration } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { ArrowRight, ScrollText, Square } from "lucide-react";
import type { ReactNode } from "react";
import { Menu, MenuItem, MenuLine, MenuLink } from "../components/menu.tsx";
import type { MenuPlace } from "../components/menu-button.tsx";
import { useSession } from "../shell/session.ts";
import { useOps } from "./ops-provider.tsx";
import { denialOf, MENU_OPS, opLabel, opStart } from "./requests.ts";

/**
 * The menu of a host: every op, those that cannot be started now with the reason, and the ways on from there. `here`: it opens on the
 * host's own page, which needs no way to itself.
 */
export default function OpMenu({
  row,
  here = false,
  children,
  ...place
}: MenuPlace & { row: HostRow; here?: boolean; children?: ReactNode }) {
  const ops = useOps();
  const { person } = useSession();
  const item = (op: OpName, label: string, args: Record<string, unknown> = {}) => (
    <MenuItem
      key={label}
      danger={opDeclaration(op).secondFactor}
      disabledReason={denialOf(row, op, person.role)}
      onSelect={() => ops.start(opStart(op, args), [row])}
    >
      {label}
    </MenuItem>
  );
  return (
    <Menu {...place}>
      {MENU_OPS.map((op) => item(op, opLabel(op)))}
      <MenuLine />
      {item("switch", "Switch at the next boot", { mode: "boot" })}
      {item("switch", "Switch until the next boot", { mode: "test" })}
      {(!here || row.run) && <MenuLine />}
      {row.run && (
        <>
          <MenuLink icon={ScrollText} render={<Link to="/runs/$run" params={{ run: row.run.id }} />}>
            Open run
          </MenuLink>
          <MenuItem
            icon={Square}
            disabledReason={row.run.cancelling ? "It is already being cancelled." : undefined}
            onSelect={() => row.run && void ops.cancel(row.run)}
          >
            Cancel run
          </MenuItem>
        </>
      )}
      {!here && (
        <MenuLink icon={ArrowRight} render={<Link to="/hosts/$host" params={{ host: row.name }} />}>
          Open host
        </MenuLink>
      )}
      {children}
    </Menu>
  );
}
