import { type GenerationView, type HostView, shortCommit } from "@nixfleet/protocol";
import { useRef } from "react";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { KeyValue } from "../../components/key-value.tsx";
import { useOps } from "../../ops/ops-provider.tsx";
import { startOf } from "../../ops/requests.ts";
import { windowWords } from "./policy-words.ts";

/** Asks before a rollback: from which generation to which, and what happens if it fails. */
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
            variant="danger"
            disabledReason={rollback === null ? (to.denied ?? "It is already running.") : undefined}
            onClick={() => {
              onClose();
              if (rollback?.kind === "start") ops.start(startOf(rollback), [row]);
            }}
          >
            {online ? `Roll back ${row.name}` : `Queue for ${row.name}`}
          </Button>
        </>
      }
    >
      <p>
        {row.name} activates generation {to.number} and boots it from then on. Nothing is built or fetched.
      </p>
      <KeyValue
        entries={[
          ...(runs ? [["Running", <Named key="runs" generation={runs} />] as const] : []),
          ["Rolls back to", <Named key="to" generation={to} />],
          ...(row.runs.specialisation === null
            ? []
            : [
                [
                  "Specialisation",
                  `${row.runs.specialisation}: kept if generation ${to.number} has it too; otherwise the rollback leaves it.`,
                ] as const,
              ]),
          ...(online ? [] : [["When", "As soon as the host is online again."] as const]),
          [
            "If it fails",
            window === undefined
              ? "The host has not reported its dead-man switch yet."
              : window === 0
                ? "There is no automatic rollback: the dead-man switch is off on this host."
                : `The dead-man switch restores the running system unless the host is confirmed within ${windowWords(window)}.`,
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
