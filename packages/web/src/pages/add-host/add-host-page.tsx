import { type HostView, PLATFORM_LABELS, roleAllows } from "@nixfleet/protocol";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ArrowLeft, ArrowRight, Lock } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { Breadcrumb, Crumb } from "../../components/breadcrumb.tsx";
import { buttonClass } from "../../components/button.tsx";
import { Icon } from "../../components/icon.tsx";
import { MissingPage, PageSkeleton } from "../../components/page-placeholder.tsx";
import { useHost, useServerInfo, useTarget } from "../../live/use-live.ts";
import { usePageTitle } from "../../screen/use-page-title.ts";
import { useSession } from "../../shell/session.ts";
import { CommonMistakes } from "./common-mistakes.tsx";
import { ConnectionPanel } from "./connection-panel.tsx";
import { firstConnectionOf } from "./first-connection.ts";
import { forgetFreshToken, keepFreshToken, useFreshToken, usePendingHost } from "./fresh-token.ts";
import { NameStep } from "./name-step.tsx";
import { SetupStep } from "./setup-step.tsx";
import { type Step, StepBar } from "./step-bar.tsx";

/** Adds a host in three steps: its name, its configuration and token, and its first connection. */
export function AddHostPage() {
  const { host } = useSearch({ from: "/signed-in/add-host" });
  const { person } = useSession();
  usePageTitle("Add host");
  if (!roleAllows(person.role, "admin")) {
    return (
      <MissingPage
        heading="Add host"
        icon={Lock}
        title="Only administrators can add hosts"
        link={{ to: "/", label: "Back to Fleet" }}
      >
        You are signed in as {person.name} ({person.role}).
      </MissingPage>
    );
  }
  return host === undefined ? <NewHost /> : <AddedHost key={host} id={host} />;
}

function Frame({ title, steps, at, children }: { title: ReactNode; steps: readonly Step[]; at: number; children: ReactNode }) {
  return (
    <>
      <Breadcrumb>
        <Crumb>
          <Link to="/">Fleet</Link>
        </Crumb>
        <Crumb>Add host</Crumb>
      </Breadcrumb>
      <h1 className="truncate pt-3 pb-5 text-title">{title}</h1>
      <StepBar steps={steps} at={at} />
      {children}
    </>
  );
}

function NewHost() {
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const waiting = usePendingHost();
  const waitingName = useFreshToken(waiting ?? "")?.name;
  const steps = [
    { title: "Name and platform", note: "identify the host" },
    { title: "Configuration and token", note: "two machines, about 3 min" },
    { title: "First connection", note: `waiting for ${name || "the host"}` },
  ];
  return (
    <Frame title="Add host" steps={steps} at={0}>
      {waiting !== undefined && (
        <p className="pb-4 text-small text-muted">
          {waitingName} was added but has not connected yet.{" "}
          <Link to="/add-host" search={{ host: waiting }} className="font-medium text-accent">
            Continue with {waitingName}
          </Link>
        </p>
      )}
      <NameStep
        onName={setName}
        onAdded={(host, token) => {
          keepFreshToken(host.row.id, { token, name: host.row.name });
          void navigate({ to: "/add-host", search: { host: host.row.id } });
        }}
      />
    </Frame>
  );
}

function AddedHost({ id }: { id: string }) {
  const { step } = useSearch({ from: "/signed-in/add-host" });
  const view = useHost(id);
  const server = useServerInfo();
  const target = useTarget();
  if (view === undefined || server === undefined) return WAITING;
  if (view === "gone") return NO_HOST;
  const { row } = view;
  const { state } = firstConnectionOf(view, "");
  const here = state === "here";
  const steps = [
    { title: "Name and platform", note: [row.name, PLATFORM_LABELS[row.platform]].join(", ") },
    { title: "Configuration and token", note: "two machines, about 3 min" },
    { title: "First connection", note: here ? "connected" : `waiting for ${row.name}` },
  ];
  const panel = <ConnectionPanel view={view} server={server} lead={step === "connect"} />;
  const mistakes = <CommonMistakes row={row} server={server} />;
  return (
    <Frame title={<>Add {row.name}</>} steps={steps} at={here ? 3 : step === "connect" ? 2 : 1}>
      <ForgetUsedToken view={view} />
      {step === "connect" ? (
        <div className="grid max-w-[960px] grid-cols-2 items-start gap-12 border-t border-border pt-5 max-desk:grid-cols-1 max-desk:gap-6">
          <div>
            {panel}
            <p className="pt-4">
              <Link to="/add-host" search={{ host: id }} className={buttonClass({ variant: "ghost" })}>
                <Icon of={ArrowLeft} />
                Back
              </Link>
            </p>
          </div>
          {here ? null : mistakes}
        </div>
      ) : (
        <div className="grid grid-cols-[minmax(0,960px)_minmax(280px,1fr)] gap-12 max-desk:grid-cols-1 max-desk:gap-6">
          <div className="min-w-0">
            <SetupStep view={view} server={server} target={target} />
            <div className="flex flex-wrap items-center justify-end gap-4 border-t border-border pt-4">
              <span className="text-small text-muted">You can leave this page and come back.</span>
              <Link to="/add-host" search={{ host: id, step: "connect" }} className={buttonClass({ variant: "ink" })}>
                Continue
                <Icon of={ArrowRight} />
              </Link>
            </div>
          </div>
          <aside aria-label="Connection status" className="min-w-0">
            {panel}
            <div className="pt-3">{here ? null : mistakes}</div>
          </aside>
        </div>
      )}
    </Frame>
  );
}

/** Forgets the token once the host has used it. */
function ForgetUsedToken({ view }: { view: HostView }) {
  const used = view.token !== null && view.token.lastUsedAt !== null && view.token.lastUsedAt >= view.token.createdAt;
  const { id } = view.row;
  useEffect(() => {
    if (used) forgetFreshToken(id);
  }, [used, id]);
  return null;
}

const WAITING = <PageSkeleton of="the host" bars={["h-6 w-40", "h-10 w-[960px] max-w-full", "h-60 w-[960px] max-w-full"]} />;

const NO_HOST = (
  <MissingPage heading="Add host" title="This host was removed" link={{ to: "/add-host", label: "Add host" }}>
    Its token no longer works.
  </MissingPage>
);
