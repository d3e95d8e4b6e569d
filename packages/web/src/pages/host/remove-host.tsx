import type { HostRow } from "@nixfleet/protocol";
import { useNavigate } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { notify } from "../../components/toast.tsx";
import { call } from "../../live/api.ts";
import { messageOf } from "../../ops/message-of.ts";
import { useHostRemoval } from "./host-removal.ts";

/** Asks before a host is removed, and says what that does and does not. */
export default function RemoveHostDialog({ host }: { host: HostRow }) {
  const [sent, setSent] = useState(false);
  const cancel = useRef<HTMLButtonElement>(null);
  const navigate = useNavigate();
  const close = () => useHostRemoval.setState({ host: undefined });
  const remove = async () => {
    setSent(true);
    try {
      await call("removeHost", { params: { host: host.id } });
      close();
      notify({ status: "ok", title: `${host.name} was removed`, detail: "The machine itself is left as it is." });
      await navigate({ to: "/" });
    } catch (error) {
      notify({ status: "broken", title: `${host.name} was not removed`, detail: messageOf(error) });
    }
    setSent(false);
  };
  return (
    <Dialog
      open
      onClose={close}
      initialFocus={cancel}
      title={`Remove ${host.name}?`}
      actions={
        <>
          <Button ref={cancel} onClick={close}>
            Cancel
          </Button>
          <Button variant="danger" sent={sent} onClick={() => void remove()}>
            Remove {host.name}
          </Button>
        </>
      }
    >
      <p>
        Its token, its runs and their logs are deleted, and its agent is not let in any more. What the machine runs stays as it
        is; its agent goes on trying to connect until its configuration changes.
      </p>
    </Dialog>
  );
}
