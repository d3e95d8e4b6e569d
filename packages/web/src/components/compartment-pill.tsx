import { COMPARTMENT_LABELS, type Compartment, type Status } from "@nixfleet/protocol";
import { StatusPill } from "./status-pill.tsx";
import { Tip } from "./tooltip.tsx";

/**
 * One of a host's five answers. The word is the server's; the sentence is its tooltip. `named` joins the compartment's name to
 * the word, where no column head says it: a good one is then its name alone, behind a tick.
 */
export function CompartmentPill({
  compartment,
  status,
  word,
  sentence,
  named = false,
}: {
  compartment: Compartment;
  status: Status;
  word: string;
  sentence?: string | undefined;
  named?: boolean;
}) {
  const label = COMPARTMENT_LABELS[compartment];
  const pill = (
    <StatusPill status={status}>
      {named ? (
        <>
          {label}
          <span className={status === "ok" ? "sr-only" : undefined}> {word}</span>
        </>
      ) : (
        word
      )}
    </StatusPill>
  );
  if (!sentence) return pill;
  return (
    <Tip text={sentence}>
      <span className="inline-flex max-w-full align-middle">{pill}</span>
    </Tip>
  );
}
