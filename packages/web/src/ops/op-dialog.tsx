import { type HostRow, opDeclaration, shortCommit } from "@nixfleet/protocol";
import { type SubmitEvent, useId, useRef, useState } from "react";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Field } from "../components/input.tsx";
import { KeyValue } from "../components/key-value.tsx";
import { StatusLine } from "../components/status-line.tsx";
import { countOf } from "../format/quantity.ts";
import { isUnanswered } from "../live/api.ts";
import { useTarget } from "../live/use-live.ts";
import { useSession } from "../shell/session.ts";
import { ForceSwitch } from "./force-switch.tsx";
import { joinNames, type OpSplit, type OpStart, opOn, questionOf, specialisationsToAsk } from "./requests.ts";
import { SpecialisationChoice } from "./specialisation-choice.tsx";
import { lastingSpecialisations, type SpecialisationAnswer } from "./specialisation-words.ts";
import { useAttempts } from "./use-attempts.ts";

/** The answer: the op with its arguments, the hosts, and the proof where the op needs one. */
export interface OpAnswer {
  readonly start: OpStart;
  readonly rows: readonly HostRow[];
  readonly proof?: { readonly password: string };
}

/** What a run can cost, as sentences below a title. */
export interface Risk {
  readonly title: string;
  readonly sentences: readonly string[];
}

/**
 * Asks before an op starts: what, on which hosts by name, to which commit, and which hosts are skipped and why. Also asks the question
 * of the op, and for the password where the op needs it.
 */
export default function OpDialog({
  start,
  split,
  risk,
  onClose,
  onAnswer,
}: {
  start: OpStart;
  split: OpSplit;
  /** The run can be started by force only. */
  risk?: Risk | undefined;
  onClose: () => void;
  /** Rejects when the proof was rejected or no answer came: the dialog stays open and shows why. */
  onAnswer: (answer: OpAnswer) => Promise<void>;
}) {
  const { person } = useSession();
  const attempts = useAttempts();
  const question = questionOf(start.op);
  const given = question && start.args[question.argument];
  const [answer, setAnswer] = useState(String(typeof given === "number" ? given : (question?.usual ?? "")));
  const [fault, setFault] = useState<string>();
  const [password, setPassword] = useState("");
  const [force, setForce] = useState(start.force);
  const [specialisation, setSpecialisation] = useState<SpecialisationAnswer>();
  const [sent, setSent] = useState(false);
  // What is drawn is not yet so when two clicks come as one.
  const sending = useRef(false);
  const cancel = useRef<HTMLButtonElement>(null);
  const first = useRef<HTMLInputElement>(null);
  const confirm = useRef<HTMLButtonElement>(null);
  const form = useId();
  const { secondFactor, args: shape } = opDeclaration(start.op);
  const { allowed } = split;
  const [only] = allowed;
  const specialisations = specialisationsToAsk(start, allowed);
  const mustForce = risk !== undefined;
  const disabledReason =
    allowed.length === 0
      ? "None of these hosts can run this now."
      : mustForce && !force
        ? "Turn on “Force the run” first."
        : attempts.wait;
  const verb = opOn(start.op, allowed.length === 1 && only ? only.name : countOf(allowed.length, "host"));
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (sending.current || disabledReason !== undefined) return;
    const args = {
      ...start.args,
      ...(question && { [question.argument]: Number(answer) }),
      ...(specialisation !== undefined && { specialisation }),
    };
    if (question && !shape.safeParse(args).success) {
      setFault(question.fault);
      return;
    }
    sending.current = true;
    setSent(true);
    setFault(undefined);
    attempts.clear();
    try {
      await onAnswer({ start: { ...start, args, force }, rows: allowed, ...(secondFactor && { proof: { password } }) });
    } catch (error) {
      attempts.failed(error);
      // Sending the same answer again repeats the same request.
      if (!isUnanswered(error)) setPassword("");
      sending.current = false;
      setSent(false);
      first.current?.focus();
    }
  };
  return (
    <Dialog
      open
      onClose={onClose}
      initialFocus={secondFactor || question ? first : start.force || mustForce ? cancel : confirm}
      title={<OpDialogTitle start={start} verb={verb} />}
      actions={
        <>
          <Button ref={cancel} onClick={onClose}>
            Cancel
          </Button>
          <Button
            ref={confirm}
            type="submit"
            form={form}
            variant={secondFactor || force || mustForce ? "danger" : "ink"}
            sent={sent}
            disabledReason={disabledReason}
          >
            {attempts.wait ?? verb}
          </Button>
        </>
      }
    >
      <OpSummary start={start} split={split} />
      <form id={form} onSubmit={(event) => void submit(event)} className="grid gap-3 text-text empty:hidden">
        {risk && <RiskList risk={risk} />}
        {only && specialisations.length > 0 && (
          <SpecialisationChoice row={only} names={specialisations} onChange={setSpecialisation} />
        )}
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
        <ForceSwitch op={start.op} forced={force} required={mustForce} onChange={setForce} />
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
              hint="Confirm your password to run this operation."
            />
          </>
        )}
      </form>
    </Dialog>
  );
}

/** What whoever forces the run agrees to. */
function RiskList({ risk: { title, sentences } }: { risk: Risk }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="grid gap-1.5 rounded-m bg-broken-soft px-3 py-2.5">
      <h3 id={id} className="text-small font-semibold">
        {title}
      </h3>
      <ul className="grid gap-1.5">
        {sentences.map((sentence) => (
          <li key={sentence}>
            <StatusLine status="broken">{sentence}</StatusLine>
          </li>
        ))}
      </ul>
    </section>
  );
}

function OpDialogTitle({ start, verb }: { start: OpStart; verb: string }) {
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

/** What will happen, and on which hosts. */
function OpSummary({ start, split: { allowed, denied } }: { start: OpStart; split: OpSplit }) {
  const target = useKnownTarget(start);
  const away = allowed.filter((row) => row.reachability.state !== "online");
  const busy = allowed.filter((row) => row.run !== null && !away.includes(row));
  const waiting = start.whenBlocked === "queue" ? "the run is queued" : "the run is refused";
  const names = (rows: readonly HostRow[]) => joinNames(rows.map((row) => row.name));
  const specialised = lastingSpecialisations(start, allowed);
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
    ...(away.length > 0 ? [["Offline", `${names(away)}: ${waiting}.`] as const] : []),
    ...(specialised === null ? [] : [["Specialisation", specialised] as const]),
    ...(busy.length > 0 ? [["Busy", `${names(busy)}: ${waiting}.`] as const] : []),
    ...denied.map(({ row, reason }) => [row.name, `Skipped. ${reason}`] as const),
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

/** The target, if the op uses it. */
function useKnownTarget({ op }: OpStart) {
  const target = useTarget();
  return target?.state === "known" && opDeclaration(op).preChecks.includes("target-known") ? target : undefined;
}
