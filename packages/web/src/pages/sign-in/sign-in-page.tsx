import { useRouter, useSearch } from "@tanstack/react-router";
import { type SubmitEvent, useState } from "react";
import { Button } from "../../components/button.tsx";
import { Field } from "../../components/input.tsx";
import { call } from "../../live/api.ts";
import { useAttempts } from "../../ops/use-attempts.ts";
import { usePageTitle } from "../../screen/use-page-title.ts";
import { beginSession } from "../../shell/session.ts";
import { FormError } from "./form-error.tsx";
import { SignInFrame } from "./sign-in-frame.tsx";
import { useSetupState } from "./use-setup-state.ts";

/** Signs in with name and password, then returns to the requested page. */
export function SignInPage() {
  const { back } = useSearch({ from: "/sign-in" });
  const router = useRouter();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [sent, setSent] = useState(false);
  const attempts = useAttempts();
  // Unanswered, the form says the same when it is sent.
  const setup = useSetupState().state;
  usePageTitle("Sign in");
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (sent || attempts.wait !== undefined) return;
    setSent(true);
    attempts.clear();
    try {
      beginSession(await call("signIn", { body: { name: name.trim(), password } }));
      router.history.push(back ?? "/");
    } catch (error) {
      attempts.failed(error);
      setPassword("");
      setSent(false);
    }
  };
  return (
    <SignInFrame
      title="Sign in"
      lead={
        setup.kind === "known" && setup.needed
          ? "There is no administrator yet. Open the setup link from the dashboard’s log."
          : back !== undefined && "Sign in to continue."
      }
    >
      <form onSubmit={(event) => void submit(event)} className="grid gap-4">
        <Field
          label="Name"
          name="name"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- the form is all that this page has.
          autoFocus
          required
          maxLength={60}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          maxLength={1000}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Button type="submit" variant="ink" sent={sent} disabledReason={attempts.wait}>
          {attempts.wait ?? "Sign in"}
        </Button>
        <FormError>{attempts.fault}</FormError>
      </form>
    </SignInFrame>
  );
}
