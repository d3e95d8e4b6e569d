import { canForce, type HostId, type NextAction } from "@nixfleet/protocol";
import { Link, useNavigate } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";
import { Button, buttonClass } from "../../components/button.tsx";
import { useHostRows } from "../../live/use-live.ts";
import { useOps } from "../../ops/ops-provider.tsx";
import { usePendingOp } from "../../ops/pending-ops.ts";
import { denialOf, type OpStart, startOf } from "../../ops/requests.ts";
import { useSession } from "../../shell/session.ts";

/** Starts the same op again and opens the new run; after a refusal that can be skipped, also by force. */
export function RetryRun({
  retry,
  host,
  refusal,
  forced,
}: {
  retry: NextAction;
  host: HostId;
  /** Why the run was refused or failed, by its code. */
  refusal: string | null;
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
  const start = (wanted: OpStart) =>
    ops.start(wanted, [row], (run) => void navigate({ to: "/runs/$run", params: { run: run.id } }));
  return (
    <>
      {!forced && refusal !== null && canForce(retry.op, refusal) && (
        <Button disabledReason={disabledReason} onClick={() => start({ ...startOf(retry), force: true })}>
          Force…
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
