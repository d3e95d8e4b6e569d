import { Menu as Base } from "@base-ui/react/menu";
import { type HostRow, opDeclaration } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { ArrowRight, MoreHorizontal, ScrollText, Square } from "lucide-react";
import type { ReactElement, ReactNode } from "react";
import { buttonClass } from "../components/button.tsx";
import { Icon } from "../components/icon.tsx";
import { Menu, MenuItem, MenuLine, MenuLink, MenuPopup } from "../components/menu.tsx";
import { useSession } from "../shell/session.ts";
import { useOps } from "./ops-provider.tsx";
import { ALL_OPS, denialOf, opStart } from "./requests.ts";

/** Every op for a host, those that cannot be started now with the reason; and the ways on from there. */
export function OpItems({ row, away = true }: { row: HostRow; away?: boolean }) {
  const ops = useOps();
  const { person } = useSession();
  const item = (op: (typeof ALL_OPS)[number], label: string, args: Record<string, unknown> = {}) => (
    <MenuItem key={label} off={denialOf(row, op, person.role)} onSelect={() => ops.start(opStart(op, args), [row])}>
      {label}
    </MenuItem>
  );
  return (
    <>
      {ALL_OPS.map((op) => item(op, opDeclaration(op).label))}
      <MenuLine />
      {item("switch", "Switch at the next boot", { mode: "boot" })}
      {item("switch", "Switch until the next boot", { mode: "test" })}
      {(away || row.run) && <MenuLine />}
      {row.run && (
        <>
          <MenuLink icon={ScrollText} render={<Link to="/runs/$run" params={{ run: row.run.id }} />}>
            Open run
          </MenuLink>
          <MenuItem
            icon={Square}
            off={row.run.cancelling ? "It is being cancelled." : undefined}
            onSelect={() => row.run && void ops.cancel(row.run)}
          >
            Cancel run
          </MenuItem>
        </>
      )}
      {away && (
        <MenuLink icon={ArrowRight} render={<Link to="/hosts/$host" params={{ host: row.name }} />}>
          Open host
        </MenuLink>
      )}
    </>
  );
}

/** The menu of one host, with a button of its own. */
export function OpMenu({ row, trigger, children }: { row: HostRow; trigger: ReactElement; children?: ReactNode }) {
  return (
    <Menu trigger={trigger}>
      <OpItems row={row} away={false} />
      {children}
    </Menu>
  );
}

const rowMenu = Base.createHandle<HostRow>();

/** The button at the end of a row. All rows share one menu, `RowMenu`. */
export function RowMenuButton({ row, size = "row" }: { row: HostRow; size?: "row" | "normal" }) {
  return (
    <Base.Trigger
      handle={rowMenu}
      payload={row}
      aria-label={`More for ${row.name}`}
      className={buttonClass({ look: "ghost", size, iconOnly: true })}
    >
      <Icon of={MoreHorizontal} size={16} />
    </Base.Trigger>
  );
}

/** Draws the menu of the row whose button was pressed; stands once in the list. */
export function RowMenu({ onOpenChange }: { onOpenChange: (open: boolean) => void }) {
  return (
    <Base.Root handle={rowMenu} modal={false} onOpenChange={onOpenChange}>
      {({ payload }) => <MenuPopup>{payload && <OpItems row={payload} />}</MenuPopup>}
    </Base.Root>
  );
}
