import type { HostRow } from "@nixfleet/protocol";
import { useNavigate } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { notify } from "../../components/toast.tsx";
import { call } from "../../live/api.ts";
import { messageOf } from "../../ops/message-of.ts";
import { useHostRemoval } from "./host-removal.ts";

/** Asks before a host is removed, and explains what that does. */
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
      notify({ status: "ok", title: `${host.name} was removed`, detail: "The machine itself did not change." });
      await navigate({ to: "/" });
    } catch (error) {
      notify({ status: "broken", title: `Could not remove ${host.name}`, detail: messageOf(error) });
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
        This deletes its token, its runs and their logs. The machine itself does not change. Its agent can no longer connect, and
        keeps trying until you remove it from the configuration.
      </p>
    </Dialog>
  );
}
