import { type GenerationView, type HostView, shortCommit } from "@nixfleet/protocol";
import { useRef } from "react";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { KeyValue } from "../../components/key-value.tsx";
import { useOps } from "../../ops/ops-provider.tsx";
import { startOf } from "../../ops/requests.ts";
import { windowWords } from "./policy-words.ts";

/** Asks before a host goes back: from which generation to which, what the next boot starts, and what holds if it does not go well. */
export default function RollBack({
  view: { row, policy },
  generations,
  to,
  onClose,
}: {
  view: HostView;
  generations: readonly GenerationView[];
  to: GenerationView;
  onClose: () => void;
}) {
  const ops = useOps();
  const cancel = useRef<HTMLButtonElement>(null);
  const runs = generations.find(({ marks }) => marks.includes("running"));
  const window = policy?.confirmTimeout;
  const { rollback } = to;
  const online = row.reachability.state === "online";
  return (
    <Dialog
      open
      onClose={onClose}
      initialFocus={cancel}
      title={`Roll ${row.name} back to generation ${to.number}?`}
      actions={
        <>
          <Button ref={cancel} onClick={onClose}>
            Cancel
          </Button>
          <Button
            look="danger"
            off={rollback === null ? (to.denied ?? "It runs already.") : undefined}
            onClick={() => {
              onClose();
              if (rollback?.kind === "start") ops.start(startOf(rollback), [row]);
            }}
          >
            {online ? `Roll back ${row.name}` : `Queue it for ${row.name}`}
          </Button>
        </>
      }
    >
      <p>
        {row.name} activates generation {to.number} with its own activator, and starts it at every boot from then on. Nothing is
        built or fetched.
      </p>
      <KeyValue
        entries={[
          ...(runs ? [["Runs now", <Named key="runs" generation={runs} />] as const] : []),
          ["Goes back to", <Named key="to" generation={to} />],
          ...(online ? [] : [["When", "As soon as the host is back: it is not connected now."] as const]),
          [
            "If it fails",
            window === undefined
              ? "What the dead-man switch does is known when the host has told of it."
              : window === 0
                ? "Nothing is undone by itself: this host’s dead-man switch is off."
                : `The dead-man switch brings back what runs now, unless the host is confirmed to work and to reach the dashboard within ${windowWords(window)}.`,
          ],
        ]}
      />
    </Dialog>
  );
}

function Named({ generation: { number, commit, subject } }: { generation: GenerationView }) {
  return (
    <span className="text-text">
      generation {number}
      {commit !== null && (
        <>
          , <code>{shortCommit(commit)}</code>
        </>
      )}
      {subject !== null && ` “${subject}”`}
    </span>
  );
}
