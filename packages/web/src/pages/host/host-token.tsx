import type { HostView } from "@nixfleet/protocol";
import { useRef, useState } from "react";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { RelativeTime } from "../../components/relative-time.tsx";
import { call } from "../../live/api.ts";
import { useSend } from "../../live/use-send.ts";
import { messageOf } from "../../ops/message-of.ts";
import { useSession } from "../../shell/session.ts";

type TokenQuestion = { kind: "replace" } | { kind: "revoke" } | { kind: "new"; token: string };

/** The host's token: when it was last used, and, for an administrator, another one or none. */
export function HostToken({ view }: { view: HostView }) {
  const { person } = useSession();
  const [question, setQuestion] = useState<TokenQuestion>();
  const { token, row } = view;
  return (
    <div className="pt-1 text-small">
      <p className="text-muted">
        {token === null ? (
          "This host has no token, so its agent cannot connect."
        ) : (
          <>
            Token created <RelativeTime at={token.createdAt} />,{" "}
            {token.lastUsedAt === null ? (
              "never used"
            ) : (
              <>
                last used <RelativeTime at={token.lastUsedAt} />
                {token.lastUsedFrom && ` from ${token.lastUsedFrom}`}
              </>
            )}
            .
          </>
        )}
      </p>
      {person.role === "admin" && (
        <p className="flex gap-2 pt-2">
          <Button size="row" onClick={() => setQuestion({ kind: "replace" })}>
            {token === null ? "Create token…" : "Replace token…"}
          </Button>
          {token !== null && (
            <Button size="row" variant="danger" onClick={() => setQuestion({ kind: "revoke" })}>
              Revoke…
            </Button>
          )}
        </p>
      )}
      {question && <TokenDialog host={row.id} name={row.name} question={question} onNext={setQuestion} />}
    </div>
  );
}

function TokenDialog({
  host,
  name,
  question,
  onNext,
}: {
  host: string;
  name: string;
  question: TokenQuestion;
  onNext: (next: TokenQuestion | undefined) => void;
}) {
  const [sent, setSent] = useState(false);
  const [fault, setFault] = useState<string>();
  const rotateToken = useSend("rotateToken");
  const cancel = useRef<HTMLButtonElement>(null);
  const close = () => onNext(undefined);
  const act = async (action: () => Promise<TokenQuestion | undefined>) => {
    setSent(true);
    setFault(undefined);
    try {
      onNext(await action());
    } catch (error) {
      setFault(messageOf(error));
    }
    setSent(false);
  };
  if (question.kind === "new") {
    return (
      <Dialog
        open
        onClose={close}
        wide
        title={`New token for ${name}`}
        actions={
          <Button variant="ink" onClick={close}>
            Done
          </Button>
        }
      >
        <p>
          This token is shown only once. Store it in the agent’s tokenFile, readable by root only. The agent picks it up by
          itself.
        </p>
        <p className="mt-3 flex items-center gap-3 rounded-m border border-border bg-sunken px-3 py-2">
          <code className="min-w-0 flex-1 text-text wrap-anywhere">{question.token}</code>
          <CopyButton text={question.token} label="Copy token" size="row" />
        </p>
      </Dialog>
    );
  }
  const replace = question.kind === "replace";
  return (
    <Dialog
      open
      onClose={close}
      initialFocus={cancel}
      title={replace ? `Replace the token of ${name}?` : `Revoke the token of ${name}?`}
      actions={
        <>
          <Button ref={cancel} onClick={close}>
            Cancel
          </Button>
          <Button
            variant="danger"
            sent={sent}
            onClick={() =>
              void act(async () => {
                if (replace) return { kind: "new", ...(await rotateToken({ params: { host } })) };
                await call("revokeToken", { params: { host } });
                return undefined;
              })
            }
          >
            {replace ? "Replace token" : "Revoke token"}
          </Button>
        </>
      }
    >
      <p>
        {replace
          ? `The old token stops working and ${name} disconnects at once. It stays offline until you store the new token on it.`
          : `${name} disconnects at once and cannot connect until it has a new token. An active run continues and is reported later.`}
      </p>
      {fault && (
        <p role="alert" className="mt-2 text-broken">
          {fault}
        </p>
      )}
    </Dialog>
  );
}
