import { Fragment } from "react";
import { Menu, MenuCheck, MenuChoice, MenuLine } from "../../components/menu.tsx";
import type { MenuPlace } from "../../components/menu-button.tsx";
import { SORT_LABELS, SORTS } from "./order.ts";
import type { SetView } from "./set-view.ts";
import { type FleetView, GROUPING_LABELS, GROUPINGS, OPTIONAL_COLUMNS, type OptionalColumn } from "./view.ts";

const COLUMN_LABELS = {
  tags: "Tags",
  platform: "Platform",
  runs: "Runs",
  generation: "Generation",
  load: "Load",
  memory: "Memory",
  seen: "Seen",
} as const satisfies Record<OptionalColumn, string>;

type ViewPart = "order" | "groups" | "columns";

/** A menu of one or more parts of the view. */
export default function ViewMenu({
  parts,
  view,
  setView,
  ...place
}: MenuPlace & { parts: readonly ViewPart[]; view: FleetView; setView: SetView }) {
  return (
    <Menu {...place}>
      {parts.map((part, index) => (
        <Fragment key={part}>
          {index > 0 && <MenuLine />}
          {part === "order" && (
            <MenuChoice
              label="Order"
              value={view.sort}
              choices={SORTS.map((value) => ({ value, label: SORT_LABELS[value] }))}
              onChoose={(sort) => setView({ sort })}
            />
          )}
          {part === "groups" && (
            <MenuChoice
              label="Groups"
              value={view.group}
              choices={GROUPINGS.map((value) => ({ value, label: GROUPING_LABELS[value] }))}
              onChoose={(group) => setView({ group })}
            />
          )}
          {part === "columns" &&
            OPTIONAL_COLUMNS.map((column) => {
              const shown = !view.hide.includes(column);
              const hide = shown ? [...view.hide, column] : view.hide.filter((name) => name !== column);
              return (
                <MenuCheck key={column} checked={shown} onChange={() => setView({ hide: hide.join(",") })}>
                  {COLUMN_LABELS[column]}
                </MenuCheck>
              );
            })}
        </Fragment>
      ))}
    </Menu>
  );
}
