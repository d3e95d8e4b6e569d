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
          "It has no token: its agent is not let in."
        ) : (
          <>
            Token of <RelativeTime at={token.createdAt} />,{" "}
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
            {token === null ? "Make a token…" : "Replace token…"}
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
        title={`The new token of ${name}`}
        actions={
          <Button variant="ink" onClick={close}>
            I have stored it
          </Button>
        }
      >
        <p>
          It is shown this once. Put it where the agent’s tokenFile points, readable by root alone; the agent takes it up by
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
          ? `The old token and the link of ${name} end at once. ${name} is offline until the new one is stored on it.`
          : `The link of ${name} ends at once, and its agent is not let in until it has a new token. A run that is at work there goes on and is reported later.`}
      </p>
      {fault && (
        <p role="alert" className="mt-2 text-broken">
          {fault}
        </p>
      )}
    </Dialog>
  );
}
