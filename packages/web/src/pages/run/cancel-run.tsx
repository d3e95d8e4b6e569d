import { ROUTES, type RunView, roleAllows } from "@nixfleet/protocol";
import { Square } from "lucide-react";
import { useRef, useState } from "react";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { useOps } from "../../ops/ops-provider.tsx";
import { useSession } from "../../shell/session.ts";

/** Cancels a run. Asks first if cancelling can leave something behind. */
export function CancelRun({ view }: { view: RunView }) {
  const { summary, cancelWarning, mayCancel } = view;
  const ops = useOps();
  const { person } = useSession();
  const [confirms, setConfirms] = useState(false);
  const [sent, setSent] = useState(false);
  const keep = useRef<HTMLButtonElement>(null);
  const cancel = async () => {
    setConfirms(false);
    setSent(true);
    await ops.cancel(summary);
    setSent(false);
  };
  const disabledReason = !roleAllows(person.role, ROUTES.cancelRun.role)
    ? "Your role may not cancel runs."
    : mayCancel || summary.cancelling
      ? undefined
      : "It can no longer be cancelled.";
  return (
    <>
      <Button
        icon={Square}
        sent={sent || summary.cancelling}
        disabledReason={disabledReason}
        onClick={() => (cancelWarning === null ? void cancel() : setConfirms(true))}
      >
        {summary.state === "queued" ? "Remove from queue" : "Cancel run"}
      </Button>
      <Dialog
        open={confirms && cancelWarning !== null}
        onClose={() => setConfirms(false)}
        initialFocus={keep}
        title={`Cancel “${summary.title}” on ${summary.hostName}?`}
        actions={
          <>
            <Button ref={keep} onClick={() => setConfirms(false)}>
              Keep running
            </Button>
            <Button variant="danger" onClick={() => void cancel()}>
              Cancel run
            </Button>
          </>
        }
      >
        <p>{cancelWarning}</p>
      </Dialog>
    </>
  );
}
