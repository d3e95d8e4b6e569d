import type { HostView } from "@nixfleet/protocol";
import { KeyRound } from "lucide-react";
import { useRef, useState } from "react";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { Icon } from "../../components/icon.tsx";
import { useSend } from "../../live/use-send.ts";
import { messageOf } from "../../ops/message-of.ts";
import { keepFreshToken, useFreshToken } from "./fresh-token.ts";

/** The host's token while this tab still has it, to show and copy; else a way to a new one. */
export function TokenRow({ view }: { view: HostView }) {
  const { row, token } = view;
  const fresh = useFreshToken(row.id);
  const [shown, setShown] = useState(false);
  const [sent, setSent] = useState(false);
  const [confirms, setConfirms] = useState(false);
  const [fault, setFault] = useState<string>();
  const rotateToken = useSend("rotateToken");
  const cancel = useRef<HTMLButtonElement>(null);
  const used = token !== null && token.lastUsedAt !== null;
  const replace = async () => {
    setConfirms(false);
    setSent(true);
    setFault(undefined);
    try {
      const made = await rotateToken({ params: { host: row.id } });
      keepFreshToken(row.id, { token: made.token, name: row.name });
    } catch (error) {
      setFault(messageOf(error));
    }
    setSent(false);
  };
  return (
    <>
      <div className="mt-2 flex min-h-11 flex-wrap items-center gap-x-2 gap-y-1 rounded-m border border-border bg-surface py-1.5 pr-2 pl-4">
        <Icon of={KeyRound} size={16} className="text-muted" />
        <span className="text-label text-faint">Token</span>
        <code className="ml-2 min-w-0 flex-1 text-small wrap-anywhere max-phone:order-1 max-phone:ml-0 max-phone:basis-full">
          {fresh === undefined ? (
            <span className="font-sans text-muted">
              {used ? `in use by ${row.name}` : "shown only once, when it was created"}
            </span>
          ) : shown ? (
            fresh.token
          ) : (
            masked(fresh.token, row.name)
          )}
        </code>
        {fresh && (
          <Button variant="ghost" size="row" aria-pressed={shown} className="text-accent!" onClick={() => setShown(!shown)}>
            {shown ? "Hide" : "Show"}
          </Button>
        )}
        <Button
          variant="ghost"
          size="row"
          sent={sent}
          className="text-accent!"
          onClick={() => (used ? setConfirms(true) : void replace())}
        >
          Replace
        </Button>
        {fresh && <CopyButton text={fresh.token} label="Copy token" size="row" variant="outline" />}
      </div>
      {fault && (
        <p role="alert" className="mt-2 text-label text-broken">
          {fault}
        </p>
      )}
      <p className="mt-2 text-label text-muted">
        {fresh
          ? `This tab keeps the token until ${row.name} first uses it. The dashboard stores only a hash. With agenix or sops-nix, store it there and set tokenFile.`
          : used
            ? `${row.name} has used it. Replacing it disconnects ${row.name}.`
            : "The dashboard stores only a hash. Replace the token to get a new one."}
      </p>
      <Dialog
        open={confirms}
        onClose={() => setConfirms(false)}
        initialFocus={cancel}
        title={`Replace the token of ${row.name}?`}
        actions={
          <>
            <Button ref={cancel} onClick={() => setConfirms(false)}>
              Cancel
            </Button>
            <Button variant="danger" onClick={() => void replace()}>
              Replace token
            </Button>
          </>
        }
      >
        <p>
          The old token stops working and {row.name} disconnects at once. It stays offline until you store the new token on it.
        </p>
      </Dialog>
    </>
  );
}

/** The part of a token that says whose it is, and dots for the secret one. */
export function masked(token: string, name: string): string {
  const open = `nf_${name}_`;
  return `${token.startsWith(open) ? open : ""}${"•".repeat(20)}`;
}
