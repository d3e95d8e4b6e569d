import { canCutOff, canForce, type HostId, type NextAction, opDeclaration, REFUSALS, type RefusalCode } from "@nixfleet/protocol";
import { Link, useNavigate } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";
import { Button, buttonClass } from "../../components/button.tsx";
import { useHostRows } from "../../live/use-live.ts";
import type { Risk } from "../../ops/op-dialog.tsx";
import { useOps } from "../../ops/ops-provider.tsx";
import { usePendingOp } from "../../ops/pending-ops.ts";
import { denialOf, type OpStart, startOf } from "../../ops/requests.ts";
import { useSession } from "../../shell/session.ts";

/** Starts the same op again and opens the new run; after a refusal that can be skipped, also by force. */
export function RetryRun({
  retry,
  host,
  refusal,
  reason,
  forced,
}: {
  retry: NextAction;
  host: HostId;
  /** Why the run was refused or failed, by its code. */
  refusal: string | null;
  /** The same in the host's own words, which name what would be lost. */
  reason: string | null;
  /** Whether it was forced already. */
  forced: boolean;
}) {
  const row = useHostRows()?.find(({ id }) => id === host);
  const { person } = useSession();
  const ops = useOps();
  const sent = usePendingOp(host);
  const navigate = useNavigate();
  if (retry.kind === "open-run") {
    return (
      <Link to="/runs/$run" params={{ run: retry.runId }} className={buttonClass()}>
        {retry.label}
      </Link>
    );
  }
  // The host is known only once the fleet is loaded.
  if (row === undefined) return null;
  const disabledReason = denialOf(row, retry.op, person.role);
  const start = (wanted: OpStart, risk?: Risk) =>
    ops.start(wanted, [row], {
      onStarted: (run) => void navigate({ to: "/runs/$run", params: { run: run.id } }),
      ...(risk && { risk }),
    });
  const isCutOff = refusal !== null && canCutOff(refusal);
  return (
    <>
      {!forced && refusal !== null && canForce(retry.op, refusal) && (
        <Button
          variant={isCutOff ? "danger" : "outline"}
          disabledReason={disabledReason}
          onClick={() => (isCutOff ? start(startOf(retry), riskOf(refusal, reason)) : start({ ...startOf(retry), force: true }))}
        >
          {isCutOff ? `${opDeclaration(retry.op).label} anyway…` : "Force…"}
        </Button>
      )}
      <Button
        variant="ink"
        icon={RotateCw}
        sent={sent === retry.op}
        disabledReason={disabledReason}
        onClick={() => start(startOf(retry))}
      >
        {retry.label}
      </Button>
    </>
  );
}

/** What the host said when it refused the run; without its own words, those of the code. */
function riskOf(refusal: string, reason: string | null): Risk {
  const sentences = reason ?? (Object.hasOwn(REFUSALS, refusal) ? REFUSALS[refusal as RefusalCode].sentence : refusal);
  return { title: "Why the host refused it", sentences: [sentences] };
}
