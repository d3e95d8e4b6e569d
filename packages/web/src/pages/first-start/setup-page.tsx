import { Link, useLocation, useRouter } from "@tanstack/react-router";
import { type SubmitEvent, useState } from "react";
import { Button, buttonClass } from "../../components/button.tsx";
import { Field } from "../../components/input.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { call, ProblemError } from "../../live/api.ts";
import { messageOf } from "../../ops/message-of.ts";
import { useAttempts } from "../../ops/use-attempts.ts";
import { usePageTitle } from "../../screen/use-page-title.ts";
import { beginSession } from "../../shell/session.ts";
import { FormError } from "../sign-in/form-error.tsx";
import { SignInFrame } from "../sign-in/sign-in-frame.tsx";
import { useSetupState } from "../sign-in/use-setup-state.ts";
import { faultsOf, tokenOf } from "./setup-form.ts";

/** First start: makes the administrator, by the one-time link that the dashboard printed. */
export function SetupPage() {
  const hash = useLocation({ select: (location) => location.hash });
  // Kept in memory: once it is used, the address no longer has it.
  const [token] = useState(() => tokenOf(hash));
  const [refused, setRefused] = useState<string>();
  const { state, ask } = useSetupState();
  usePageTitle("First start");
  if (state.kind === "loading") return <SetupSkeleton />;
  if (state.kind === "failed") {
    return (
      <SignInFrame title="First start" lead="The dashboard is not responding.">
        <FormError>{state.reason}</FormError>
        <Button onClick={ask} className="mt-2 w-full">
          Try again
        </Button>
      </SignInFrame>
    );
  }
  if (!state.needed) {
    return (
      <SignInFrame title="Setup is complete" lead="The administrator account exists. The setup link has been used.">
        <Link to="/sign-in" className={`${buttonClass({ variant: "ink" })} w-full`}>
          Sign in
        </Link>
      </SignInFrame>
    );
  }
  if (token === undefined || refused !== undefined) {
    return (
      <SignInFrame
        title="Open the setup link"
        lead={
          refused ??
          "The dashboard has no administrator yet. At startup it prints a setup link, which works once and for one hour."
        }
      >
        <p className="rounded-m border border-border bg-surface px-4 py-3 text-small text-muted">
          Look for <code className="text-text">{`${location.origin}/setup#…`}</code> in the dashboard’s log. Restart the dashboard
          to get a new link.
        </p>
      </SignInFrame>
    );
  }
  return <SetupForm token={token} onRefused={setRefused} />;
}

function SetupForm({ token, onRefused }: { token: string; onRefused: (sentence: string) => void }) {
  const router = useRouter();
  const [fields, setFields] = useState({ name: "admin", password: "", again: "" });
  const [touched, setTouched] = useState(false);
  const [sent, setSent] = useState(false);
  const attempts = useAttempts();
  const faults = touched ? faultsOf(fields) : {};
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setTouched(true);
    if (sent || attempts.wait !== undefined || Object.keys(faultsOf(fields)).length > 0) return;
    setSent(true);
    attempts.clear();
    try {
      beginSession(await call("setup", { body: { token, name: fields.name.trim(), password: fields.password } }));
      // The used token is not left behind in the history.
      router.history.replace("/");
    } catch (error) {
      setSent(false);
      if (error instanceof ProblemError && error.problem.code === "setup-link-invalid") onRefused(messageOf(error));
      else attempts.failed(error);
    }
  };
  const set = (field: keyof typeof fields) => (event: { currentTarget: HTMLInputElement }) => {
    const { value } = event.currentTarget;
    setFields((before) => ({ ...before, [field]: value }));
  };
  return (
    <SignInFrame title="Welcome" lead="Create the administrator of this dashboard. This link works once.">
      <form onSubmit={(event) => void submit(event)} noValidate className="grid gap-4">
        <Field
          label="Name"
          name="name"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={60}
          value={fields.name}
          onChange={set("name")}
          fault={faults.name}
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- the form is all that this page has.
          autoFocus
          maxLength={1000}
          value={fields.password}
          onChange={set("password")}
          fault={faults.password}
          hint="At least 12 characters. A few random words work well."
        />
        <Field
          label="Confirm password"
          name="again"
          type="password"
          autoComplete="new-password"
          maxLength={1000}
          value={fields.again}
          onChange={set("again")}
          fault={faults.again}
        />
        <Button type="submit" variant="ink" sent={sent} disabledReason={attempts.wait}>
          {attempts.wait ?? "Create administrator"}
        </Button>
        <FormError>{attempts.fault}</FormError>
      </form>
    </SignInFrame>
  );
}

function SetupSkeleton() {
  return (
    <SignInFrame title="First start">
      <div role="status" aria-label="Loading" className="grid gap-4">
        <Skeleton className="h-8" />
        <Skeleton className="h-8" />
        <Skeleton className="h-8" />
      </div>
    </SignInFrame>
  );
}
