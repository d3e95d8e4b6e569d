import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "../../components/button.tsx";
import { Field } from "../../components/input.tsx";
import { ProblemNotice } from "../../components/problem-notice.tsx";
import { RelativeTime } from "../../components/relative-time.tsx";
import { SectionHead } from "../../components/section-head.tsx";
import { SkeletonRows } from "../../components/skeleton.tsx";
import { StatusPill } from "../../components/status-pill.tsx";
import { notify } from "../../components/toast.tsx";
import { call } from "../../live/api.ts";
import { useSend } from "../../live/use-send.ts";
import { messageOf } from "../../ops/message-of.ts";
import { queryClient } from "../../screen/queries.tsx";
import { usePageTitle } from "../../screen/use-page-title.ts";
import { useSession } from "../../shell/session.ts";

/** The person's own settings: password and sessions. */
export function AccountPage() {
  const { person } = useSession();
  usePageTitle("Account");
  return (
    <div className="max-w-[720px]">
      <header className="pt-7 pb-4">
        <h1 className="text-title wrap-anywhere">{person.name}</h1>
        <p className="text-small text-muted">{person.role}</p>
      </header>
      <section id="password" className="scroll-mt-16 border-t border-border pt-2">
        <SectionHead title="Password" />
        <PasswordForm />
      </section>
      <section id="sessions" className="mt-8 scroll-mt-16 border-t border-border pt-2">
        <SectionHead title="Sessions" />
        <Sessions />
      </section>
    </div>
  );
}

function PasswordForm() {
  const [sent, setSent] = useState(false);
  const [fault, setFault] = useState<string>();
  const changePassword = useSend("changePassword");
  const change = async (form: HTMLFormElement) => {
    const data = new FormData(form);
    const next = textOf(data, "next");
    if (next !== textOf(data, "again")) {
      setFault("The new passwords do not match.");
      return;
    }
    setSent(true);
    setFault(undefined);
    try {
      await changePassword({ body: { current: textOf(data, "current"), next } });
      form.reset();
      notify({ status: "ok", title: "Password changed", detail: "Your other sessions have ended." });
      await queryClient.invalidateQueries({ queryKey: ["sessions"] });
    } catch (error) {
      setFault(messageOf(error));
    }
    setSent(false);
  };
  return (
    <form
      className="grid max-w-[360px] gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        void change(event.currentTarget);
      }}
    >
      <Field label="Current password" name="current" type="password" autoComplete="current-password" required />
      <Field
        label="New password"
        name="next"
        type="password"
        autoComplete="new-password"
        minLength={12}
        required
        hint="At least 12 characters. Your other sessions will end."
      />
      <Field label="Confirm new password" name="again" type="password" autoComplete="new-password" required fault={fault} />
      <span>
        <Button variant="ink" type="submit" sent={sent}>
          Change password
        </Button>
      </span>
    </form>
  );
}

function textOf(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === "string" ? value : "";
}

function Sessions() {
  const sessions = useQuery({ queryKey: ["sessions"], queryFn: ({ signal }) => call("sessions", {}, signal), staleTime: 0 });
  const [ending, setEnding] = useState<string>();
  if (sessions.isPending) return <SkeletonRows rows={2} label="Loading sessions" />;
  if (sessions.isError) {
    return (
      <ProblemNotice
        title="Could not load your sessions"
        next={messageOf(sessions.error)}
        actions={<Button onClick={() => void sessions.refetch()}>Try again</Button>}
      />
    );
  }
  const end = async (session: string) => {
    setEnding(session);
    try {
      await call("endSession", { params: { session } });
    } catch (error) {
      notify({ status: "broken", title: "Could not end the session", detail: messageOf(error) });
    }
    await sessions.refetch();
    setEnding(undefined);
  };
  return (
    <ul>
      {sessions.data.items.map((session) => (
        <li
          key={session.id}
          className="flex min-h-12 flex-wrap items-center gap-x-4 gap-y-1 border-t border-border py-2 first:border-t-0"
        >
          <div className="min-w-48 flex-1">
            <p className="truncate font-medium">{session.agent || "Unknown browser"}</p>
            <p className="text-small text-muted">
              from {session.address}, last seen <RelativeTime at={session.lastSeenAt} />, started{" "}
              <RelativeTime at={session.createdAt} />
            </p>
          </div>
          {session.current ? (
            <StatusPill status="ok">this session</StatusPill>
          ) : (
            <Button size="row" variant="danger" sent={ending === session.id} onClick={() => void end(session.id)}>
              End
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}
