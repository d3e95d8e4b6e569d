import { type HostRow, opDeclaration, shortCommit } from "@nixfleet/protocol";
import { type SubmitEvent, useId, useRef, useState } from "react";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Field } from "../components/input.tsx";
import { KeyValue } from "../components/key-value.tsx";
import { countOf } from "../format/quantity.ts";
import { useTarget } from "../live/use-live.ts";
import { useSession } from "../shell/session.ts";
import { namesInWords, type OpSplit, type OpStart, opOn, questionOf } from "./requests.ts";
import { useAttempts } from "./use-attempts.ts";

/** What a person has answered: the op with their arguments, on which hosts, and the proof where the op asks for one. */
export interface OpAnswer {
  readonly start: OpStart;
  readonly rows: readonly HostRow[];
  readonly proof?: { readonly password: string };
}

/**
 * Asks before an op begins: what, on which hosts by name, to which commit, who is left out and why; beside that its own question, and
 * the password where it takes a machine away.
 */
export default function AskOp({
  start,
  split,
  onClose,
  onAnswer,
}: {
  start: OpStart;
  split: OpSplit;
  onClose: () => void;
  /** Rejects where the proof was not accepted: the dialog stays, and says so. */
  onAnswer: (answer: OpAnswer) => Promise<void>;
}) {
  const { person } = useSession();
  const attempts = useAttempts();
  const question = questionOf(start.op);
  const given = question && start.args[question.argument];
  const [answer, setAnswer] = useState(String(typeof given === "number" ? given : (question?.usual ?? "")));
  const [fault, setFault] = useState<string>();
  const [password, setPassword] = useState("");
  const [sent, setSent] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  const confirm = useRef<HTMLButtonElement>(null);
  const form = useId();
  const { secondFactor, args: shape } = opDeclaration(start.op);
  const { allowed } = split;
  const [only] = allowed;
  const verb = opOn(start.op, allowed.length === 1 && only ? only.name : countOf(allowed.length, "host"));
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (sent || attempts.wait !== undefined || allowed.length === 0) return;
    const args = question ? { ...start.args, [question.argument]: Number(answer) } : start.args;
    if (question && !shape.safeParse(args).success) {
      setFault(question.fault);
      return;
    }
    setSent(true);
    setFault(undefined);
    attempts.clear();
    try {
      await onAnswer({ start: { ...start, args }, rows: allowed, ...(secondFactor && { proof: { password } }) });
    } catch (error) {
      attempts.failed(error);
      setPassword("");
      setSent(false);
      first.current?.focus();
    }
  };
  return (
    <Dialog
      open
      onClose={onClose}
      initialFocus={secondFactor || question ? first : confirm}
      title={<AskTitle start={start} verb={verb} />}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            ref={confirm}
            type="submit"
            form={form}
            look={secondFactor ? "danger" : "ink"}
            sent={sent}
            off={allowed.length === 0 ? "None of these hosts can do this now." : attempts.wait}
          >
            {attempts.wait ?? verb}
          </Button>
        </>
      }
    >
      <AskedOf start={start} split={split} />
      <form id={form} onSubmit={(event) => void submit(event)} className="grid gap-3 text-text empty:hidden">
        {question && (
          <Field
            ref={first}
            label={question.label}
            inputMode="numeric"
            autoComplete="off"
            required
            maxLength={5}
            value={answer}
            onChange={(event) => setAnswer(event.currentTarget.value)}
            fault={fault}
          />
        )}
        {secondFactor && (
          <>
            <input hidden type="text" name="username" autoComplete="username" value={person.name} readOnly />
            <Field
              ref={question ? undefined : first}
              label="Your password"
              name="password"
              type="password"
              autoComplete="current-password"
              required
              maxLength={1000}
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
              fault={attempts.fault}
              hint="Asked for again, since this takes a machine away."
            />
          </>
        )}
      </form>
    </Dialog>
  );
}

function AskTitle({ start, verb }: { start: OpStart; verb: string }) {
  const target = useKnownTarget(start);
  return (
    <>
      {verb}
      {target && (
        <>
          {" "}
          to <code>{shortCommit(target.commit)}</code>
        </>
      )}
      ?
    </>
  );
}

/** What will happen, to whom. */
function AskedOf({ start, split: { allowed, denied } }: { start: OpStart; split: OpSplit }) {
  const target = useKnownTarget(start);
  const away = allowed.filter((row) => row.reachability.state !== "online");
  const busy = allowed.filter((row) => row.run !== null && !away.includes(row));
  const waiting = start.whenBlocked === "queue" ? "begins there when it can" : "is refused there";
  const names = (rows: readonly HostRow[]) => namesInWords(rows.map((row) => row.name));
  const several = allowed.length + denied.length > 1;
  const entries = [
    ...(several && allowed.length > 0
      ? [
          [
            "Hosts",
            <span key="hosts" className="block max-h-40 overflow-y-auto text-text">
              {names(allowed)}
            </span>,
          ] as const,
        ]
      : []),
    ...(away.length > 0 ? [["Not connected", `${names(away)}: it ${waiting}.`] as const] : []),
    ...(busy.length > 0 ? [["Busy", `${names(busy)}: it ${waiting}.`] as const] : []),
    ...denied.map(({ row, reason }) => [row.name, `Left out. ${reason}`] as const),
  ];
  return (
    <>
      <p>
        {opDeclaration(start.op).help}
        {target && ` The target is “${target.subject}”.`}
      </p>
      {entries.length > 0 && <KeyValue entries={entries} />}
    </>
  );
}

/** The target, where the op goes there. */
function useKnownTarget({ op }: OpStart) {
  const target = useTarget();
  return target?.state === "known" && opDeclaration(op).preChecks.includes("target-known") ? target : undefined;
}
