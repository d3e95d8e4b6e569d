import { ROUTES, type RunView, roleAllows } from "@nixfleet/protocol";
import { Square } from "lucide-react";
import { useRef, useState } from "react";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { useOps } from "../../ops/ops-provider.tsx";
import { useSession } from "../../shell/session.ts";

/** Cancels a run; where that can leave something behind, it says so and asks first. */
export function CancelRun({ view }: { view: RunView }) {
  const { summary, cancelWarning, mayCancel } = view;
  const ops = useOps();
  const { person } = useSession();
  const [asking, setAsking] = useState(false);
  const [sent, setSent] = useState(false);
  const keep = useRef<HTMLButtonElement>(null);
  const cancel = async () => {
    setAsking(false);
    setSent(true);
    await ops.cancel(summary);
    setSent(false);
  };
  const off = !roleAllows(person.role, ROUTES.cancelRun.role)
    ? "Your role may not cancel runs."
    : mayCancel || summary.cancelling
      ? undefined
      : "It cannot be cancelled any more.";
  return (
    <>
      <Button
        icon={Square}
        sent={sent || summary.cancelling}
        off={off}
        onClick={() => (cancelWarning === null ? void cancel() : setAsking(true))}
      >
        {summary.state === "queued" ? "Take out of the queue" : "Cancel run"}
      </Button>
      <Dialog
        open={asking && cancelWarning !== null}
        onClose={() => setAsking(false)}
        initialFocus={keep}
        title={`Cancel “${summary.title}” on ${summary.hostName}?`}
        actions={
          <>
            <Button ref={keep} onClick={() => setAsking(false)}>
              Keep it running
            </Button>
            <Button look="danger" onClick={() => void cancel()}>
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
