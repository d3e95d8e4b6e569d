import type { HostView, ServerInfo } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { buttonClass } from "../../components/button.tsx";
import { StatusIcon } from "../../components/status-icon.tsx";
import { type FirstConnection, firstConnectionOf } from "./first-connection.ts";

const HEADS = {
  waiting: { status: "unknown", words: (name: string) => `Waiting for ${name}` },
  refused: { status: "broken", words: (name: string) => `${name} was refused` },
  here: { status: "ok", words: (name: string) => `${name} is in the fleet` },
} as const satisfies Record<FirstConnection["state"], unknown>;

const SENTENCES = {
  waiting: "This panel updates when the host connects.",
  refused: "Fix the marked problem. The agent retries by itself.",
  here: "Its page shows its status and what to do next.",
} as const satisfies Record<FirstConnection["state"], string>;

/** The state of the first connection of a new host, live. */
export function ConnectionPanel({
  view,
  server,
  lead = false,
}: {
  view: HostView;
  server: ServerInfo | undefined;
  lead?: boolean;
}) {
  const { row } = view;
  const dashboard = server === undefined ? "the dashboard" : new URL(server.origin).host;
  const { state, checks } = firstConnectionOf(view, dashboard);
  const head = HEADS[state];
  return (
    <section aria-label="First connection" className="grid gap-1.5 rounded-l border border-border bg-surface px-4 pt-4 pb-2.5">
      <p role="status" className="flex items-center gap-2">
        <StatusIcon status={head.status} size={18} />
        <b className="min-w-0 flex-1 wrap-anywhere">{head.words(row.name)}</b>
      </p>
      <p className="text-small text-muted">{SENTENCES[state]}</p>
      <ul className="mt-2 border-t border-border pt-1.5">
        {checks.map(({ key, status, words, detail }) => (
          <li key={key} className="flex min-h-8 items-start gap-2.5 py-1.5 text-small">
            <span className="grid h-5 place-items-center">
              <StatusIcon status={status} size={16} />
            </span>
            <span className="min-w-0 wrap-anywhere">
              <span className={status === "broken" ? "font-medium" : "text-muted"}>{words}</span>
              <span className="sr-only">: {status === "ok" ? "yes" : status === "broken" ? "no" : "unknown"}</span>
              {detail && <span className="block text-muted">{detail}</span>}
            </span>
          </li>
        ))}
      </ul>
      {state === "here" && (
        <p className="border-t border-border pt-3 pb-1.5">
          <Link to="/hosts/$host" params={{ host: row.name }} className={buttonClass({ variant: lead ? "ink" : "outline" })}>
            Open {row.name}
          </Link>
        </p>
      )}
    </section>
  );
}
