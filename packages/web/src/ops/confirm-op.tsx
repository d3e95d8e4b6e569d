import { type HostRow, opDeclaration } from "@nixfleet/protocol";
import { useRef } from "react";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { KeyValue } from "../components/key-value.tsx";
import { countOf, shortCommit } from "../format/quantity.ts";
import { useTarget } from "../live/use-live.ts";
import { namesInWords, type OpSplit, type OpStart } from "./requests.ts";

/** Asks before an op begins on several hosts: what, how many, which ones, to which commit, and who is left out and why. */
export default function ConfirmOp({
  start,
  split,
  onClose,
  onConfirm,
}: {
  start: OpStart;
  split: OpSplit;
  onClose: () => void;
  onConfirm: (rows: readonly HostRow[]) => void;
}) {
  const target = useTarget();
  const confirm = useRef<HTMLButtonElement>(null);
  const { label, help, preChecks } = opDeclaration(start.op);
  const { allowed, denied } = split;
  const known = target?.state === "known" && preChecks.includes("target-known") ? target : undefined;
  const away = allowed.filter((row) => row.reachability.state !== "online");
  const busy = allowed.filter((row) => row.run !== null && !away.includes(row));
  const waiting = start.whenBlocked === "queue" ? "begins there when it can" : "is refused there";
  const verb = `${label} ${countOf(allowed.length, "host")}`;
  return (
    <Dialog
      open
      onClose={onClose}
      initialFocus={confirm}
      title={
        <>
          {label === "Run tests" ? `Run tests on ${countOf(allowed.length, "host")}` : verb}
          {known && (
            <>
              {" "}
              to <code>{shortCommit(known.commit)}</code>
            </>
          )}
          ?
        </>
      }
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            ref={confirm}
            look="ink"
            off={allowed.length === 0 ? "None of these hosts can do this now." : undefined}
            onClick={() => onConfirm(allowed)}
          >
            {label === "Run tests" ? `Run tests on ${countOf(allowed.length, "host")}` : verb}
          </Button>
        </>
      }
    >
      <p>
        {help}
        {known && ` The target is “${known.subject}”.`}
      </p>
      <KeyValue
        entries={[
          ...(allowed.length > 0
            ? [
                [
                  "Hosts",
                  <span key="hosts" className="block max-h-40 overflow-y-auto text-text">
                    {namesInWords(allowed.map((row) => row.name))}
                  </span>,
                ] as const,
              ]
            : []),
          ...(away.length > 0
            ? [["Not connected", `${namesInWords(away.map((row) => row.name))}: it ${waiting}.`] as const]
            : []),
          ...(busy.length > 0 ? [["Busy", `${namesInWords(busy.map((row) => row.name))}: it ${waiting}.`] as const] : []),
          ...denied.map(({ row, reason }) => [row.name, `Left out. ${reason}`] as const),
        ]}
      />
    </Dialog>
  );
}
