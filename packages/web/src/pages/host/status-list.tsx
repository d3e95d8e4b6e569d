import { COMPARTMENT_LABELS, Compartment, type HostRow } from "@nixfleet/protocol";
import { StatusPill } from "../../components/status-pill.tsx";
import { NextButton } from "../../ops/next-button.tsx";

/** The five compartments in full; the next action is beside the one that it helps. */
export function StatusList({ row }: { row: HostRow }) {
  return (
    <ul>
      {Compartment.options.map((compartment) => {
        const { status, word, sentence } = row.compartments[compartment];
        const helps = row.next?.kind === "start" && row.next.compartment === compartment;
        return (
          <li
            key={compartment}
            className="flex min-h-11 flex-wrap items-center gap-x-3 gap-y-1 border-t border-border py-1.5 last:border-b"
          >
            <span className="w-16 font-medium">{COMPARTMENT_LABELS[compartment]}</span>
            <span className="w-[118px]">
              <StatusPill status={status} hang>
                {word}
              </StatusPill>
            </span>
            <span className="min-w-48 flex-1 text-small text-muted wrap-anywhere max-phone:basis-full">{sentence}</span>
            {helps && <NextButton row={row} />}
          </li>
        );
      })}
    </ul>
  );
}
