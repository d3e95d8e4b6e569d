import type { ComponentProps } from "react";
import { classNames } from "./class-names.ts";

/** The frame around a table. Clipped, not scrolled, so that a head inside of it can stick to the window. */
export function TableFrame({ className, ...rest }: ComponentProps<"div">) {
  return <div {...rest} className={classNames("overflow-clip rounded-l border border-border bg-surface", className)} />;
}

/** A table of fixed columns, so that a changed cell moves nothing. */
export function Table({ className, ...rest }: ComponentProps<"table">) {
  return <table {...rest} className={classNames("w-full table-fixed border-separate border-spacing-0 text-small", className)} />;
}

/** The padding of a cell: usual; at its start only; little, for content with its own; that of the first column; none. */
export type CellPad = "usual" | "start" | "tight" | "edge" | "none";

const PADS = {
  usual: "px-2",
  start: "pr-0 pl-2",
  tight: "px-0.5",
  edge: "pr-0 pl-3.5",
  none: "px-0",
} as const satisfies Record<CellPad, string>;

export function Th({ pad = "usual", className, ...rest }: ComponentProps<"th"> & { pad?: CellPad }) {
  return (
    <th
      scope="col"
      {...rest}
      className={classNames(
        "h-8 border-b border-border bg-surface text-left text-label font-medium whitespace-nowrap text-faint",
        PADS[pad],
        className,
      )}
    />
  );
}

/** A cell. Long text ends in an ellipsis, unless the cell holds a control (`whole`). */
export function Td({
  pad = "usual",
  whole = false,
  className,
  ...rest
}: ComponentProps<"td"> & { pad?: CellPad; whole?: boolean }) {
  return (
    <td
      {...rest}
      className={classNames(
        "h-(--row) border-b border-border align-middle whitespace-nowrap group-last/row:border-b-0",
        whole ? "overflow-visible" : "truncate",
        PADS[pad],
        className,
      )}
    />
  );
}
