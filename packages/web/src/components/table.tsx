import type { ComponentProps } from "react";
import { classNames } from "./class-names.ts";

/** The frame around a table. Clipped, not scrolled, so that a head inside of it can stick to the window. */
export function TableFrame({ className, ...rest }: ComponentProps<"div">) {
  return <div {...rest} className={classNames("overflow-clip rounded-l border border-border bg-surface", className)} />;
}

/** A table of fixed columns: what changes in it moves nothing. */
export function Table({ className, ...rest }: ComponentProps<"table">) {
  return <table {...rest} className={classNames("w-full table-fixed border-separate border-spacing-0 text-small", className)} />;
}

export function Th({ className, ...rest }: ComponentProps<"th">) {
  return (
    <th
      scope="col"
      {...rest}
      className={classNames(
        "h-8 border-b border-border bg-surface px-2 text-left text-label font-medium whitespace-nowrap text-faint",
        className,
      )}
    />
  );
}

export function Td({ className, ...rest }: ComponentProps<"td">) {
  return (
    <td
      {...rest}
      className={classNames(
        "h-(--row) truncate border-b border-border px-2 align-middle whitespace-nowrap group-last/row:border-b-0",
        className,
      )}
    />
  );
}
