import type { HostRow, OpName } from "@nixfleet/protocol";
import { ChevronUp } from "lucide-react";
import { lazy } from "react";
import { ActionBar } from "../../components/action-bar.tsx";
import { Button } from "../../components/button.tsx";
import { Icon } from "../../components/icon.tsx";
import { MenuButton } from "../../components/menu-button.tsx";
import { countOf } from "../../format/quantity.ts";
import { useOps } from "../../ops/ops-provider.tsx";
import { opLabel, opStart } from "../../ops/requests.ts";
import { NOTHING, type Selection, selectAll } from "./selection.ts";

const MoreOps = lazy(() => import("./more-ops.tsx"));

const FIRST = ["pull", "switch", "test"] as const satisfies readonly OpName[];

/** What can be done to all selected hosts. Each op opens a dialog that names them. */
export function SelectionBar({
  selection,
  all,
  matching,
  onSelection,
}: {
  selection: Selection;
  all: readonly HostRow[];
  matching: readonly HostRow[];
  onSelection: (selection: Selection) => void;
}) {
  const ops = useOps();
  if (selection.ids.size === 0) return null;
  const rows = all.filter((row) => selection.ids.has(row.id));
  const start = (op: OpName) => ops.start(opStart(op), rows);
  const more = matching.some((row) => !selection.ids.has(row.id));
  return (
    <ActionBar
      label={`${countOf(rows.length, "host")} selected`}
      onClear={() => onSelection(NOTHING)}
      extend={
        more && (
          <button
            type="button"
            className="ml-2 truncate text-small text-accent max-phone:min-h-11"
            onClick={() => onSelection(selectAll(matching.map((row) => row.id)))}
          >
            Select all {matching.length} matching hosts
          </button>
        )
      }
    >
      {FIRST.map((op) => (
        <Button key={op} size="row" onClick={() => start(op)}>
          {opLabel(op, rows.length)}
        </Button>
      ))}
      <MenuButton
        trigger={
          <Button variant="ghost" size="row">
            More
            <Icon of={ChevronUp} />
          </Button>
        }
        renderMenu={(place) => <MoreOps {...place} except={FIRST} hosts={rows.length} onStart={start} />}
      />
    </ActionBar>
  );
}
