import type { HostRow } from "@nixfleet/protocol";
import { useNavigate } from "@tanstack/react-router";
import { Trash2 } from "lucide-react";
import { useRef, useState } from "react";
import { create } from "zustand";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { MenuItem, MenuLine } from "../../components/menu.tsx";
import { notify } from "../../components/toast.tsx";
import { call } from "../../live/api.ts";
import { messageOf } from "../../ops/ops-provider.tsx";
import { useSession } from "../../shell/session.ts";

/** The menu is gone when the dialog opens, so what is asked stands outside of both. */
const useAsking = create<{ host: HostRow | undefined }>(() => ({ host: undefined }));

/** Offers an administrator to take the host out of the fleet. */
export function RemoveHostItem({ host }: { host: HostRow }) {
  const { person } = useSession();
  if (person.role !== "admin") return null;
  return (
    <>
      <MenuLine />
      <MenuItem icon={Trash2} danger onSelect={() => useAsking.setState({ host })}>
        Remove host…
      </MenuItem>
    </>
  );
}

/** Asks before a host is removed, and says what that does and does not. */
export function RemoveHostDialog() {
  const { host } = useAsking();
  const [sent, setSent] = useState(false);
  const cancel = useRef<HTMLButtonElement>(null);
  const navigate = useNavigate();
  if (!host) return null;
  const close = () => useAsking.setState({ host: undefined });
  const remove = async () => {
    setSent(true);
    try {
      await call("removeHost", { params: { host: host.id } });
      close();
      notify({ status: "ok", fact: `${host.name} was removed`, follows: "The machine itself is left as it is." });
      await navigate({ to: "/" });
    } catch (error) {
      notify({ status: "broken", fact: `${host.name} was not removed`, follows: messageOf(error) });
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
          <Button look="danger" sent={sent} onClick={() => void remove()}>
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
