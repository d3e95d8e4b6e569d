import type { HostId, NextAction } from "@nixfleet/protocol";
import { Link, useNavigate } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";
import { Button, buttonClass } from "../../components/button.tsx";
import { useHostRows } from "../../live/use-live.ts";
import { useOps } from "../../ops/ops-provider.tsx";
import { denialOf, startOf } from "../../ops/requests.ts";
import { useSent } from "../../ops/sent.ts";
import { useSession } from "../../shell/session.ts";

/** Starts anew what this run did not bring to its end, and goes to the new run. */
export function RetryRun({ retry, host }: { retry: NextAction; host: HostId }) {
  const row = useHostRows()?.find(({ id }) => id === host);
  const { person } = useSession();
  const ops = useOps();
  const sent = useSent(host);
  const navigate = useNavigate();
  if (retry.kind === "open-run") {
    return (
      <Link to="/runs/$run" params={{ run: retry.runId }} className={buttonClass()}>
        {retry.label}
      </Link>
    );
  }
  // The host is not known before the fleet is: until then there is nobody to ask.
  if (row === undefined) return null;
  return (
    <Button
      look="ink"
      icon={RotateCw}
      sent={sent === retry.op}
      off={denialOf(row, retry.op, person.role)}
      onClick={() => ops.start(startOf(retry), [row], (run) => void navigate({ to: "/runs/$run", params: { run: run.id } }))}
    >
      {retry.label}
    </Button>
  );
}
