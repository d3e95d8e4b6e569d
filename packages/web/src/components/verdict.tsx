import type { Status } from "@nixfleet/protocol";
import { cloneElement, Fragment, type ReactElement, type ReactNode } from "react";
import { classNames } from "./class-names.ts";
import { StatusIcon } from "./status-icon.tsx";

export interface VerdictPart {
  readonly key: string;
  readonly status: Status;
  readonly words: string;
  /** The link that shows only these hosts. */
  readonly link: ReactElement<{ className?: string; children?: ReactNode }>;
  /** The table shows only these now. */
  readonly on: boolean;
}

/** How the fleet is, in one line whose numbers are filters. On a phone the first is the title and the others stand below it as pills. */
export function Verdict({ parts }: { parts: readonly VerdictPart[] }) {
  return (
    <h1 className="flex flex-wrap items-center gap-y-1 text-title whitespace-nowrap max-phone:gap-2">
      {parts.map((part, index) => (
        <Fragment key={part.key}>
          {index > 0 && (
            <span aria-hidden="true" className="mx-3 font-normal text-border-strong max-phone:hidden">
              ·
            </span>
          )}
          {cloneElement(part.link, {
            className: classNames(
              "inline-flex items-center gap-2 underline decoration-1 underline-offset-6",
              part.on ? "decoration-accent-fill decoration-2" : "decoration-border-strong",
              index === 0 ? "max-phone:min-h-11 max-phone:w-full max-phone:no-underline" : PHONE_PILL[part.status],
            ),
            children: (
              <>
                <span className={classNames("max-phone:scale-[.7]", index === 0 && "max-phone:hidden")}>
                  <StatusIcon status={part.status} size={20} />
                </span>
                {part.words}
              </>
            ),
          })}
        </Fragment>
      ))}
    </h1>
  );
}

const PHONE =
  "max-phone:h-11 max-phone:gap-1 max-phone:rounded-m max-phone:pr-3 max-phone:pl-2 max-phone:text-small max-phone:font-medium max-phone:no-underline";

const PHONE_PILL = {
  ok: `${PHONE} max-phone:bg-ok-soft max-phone:text-ok`,
  attention: `${PHONE} max-phone:bg-attention-soft max-phone:text-attention`,
  broken: `${PHONE} max-phone:bg-broken-soft max-phone:text-broken`,
  working: `${PHONE} max-phone:bg-working-soft max-phone:text-working`,
  unknown: `${PHONE} max-phone:bg-unknown-soft max-phone:text-unknown`,
} as const satisfies Record<Status, string>;
