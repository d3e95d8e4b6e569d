import { type HostRow, PLATFORM_TRAITS, type Platform, type ServerInfo } from "@nixfleet/protocol";
import { Fragment, type ReactNode } from "react";
import { SectionHead } from "../../components/section-head.tsx";
import { isLoopback } from "./host-setup.ts";

/** How the agent's log is read; null: it has no journal. */
const JOURNAL = {
  nixos: "journalctl -u nixfleet-agent -n 50",
  darwin: null,
  "home-manager": "journalctl --user -u nixfleet-agent -n 50",
} as const satisfies Record<Platform, string | null>;

/** Why a first connection usually fails, and how to find out. */
export function CommonMistakes({ row, server }: { row: HostRow; server: ServerInfo | undefined }) {
  const origin = server?.origin ?? location.origin;
  const journal = JOURNAL[row.platform];
  const entries: (readonly [title: string, words: ReactNode])[] = [
    ...(journal === null ? [] : [["Check the agent’s log", <code key="journal">{journal}</code>] as const]),
    [
      "Run the agent’s self-check",
      <code key="check">{PLATFORM_TRAITS[row.platform].scope === "system" ? "sudo " : ""}nixfleet-agent check</code>,
    ],
    [
      `${row.name} cannot reach the dashboard`,
      isLoopback(origin) ? (
        <>
          <code>{origin}</code> is a loopback address. Set the dashboard’s <code>NIXFLEET_ORIGIN</code> to an address that{" "}
          {row.name} can reach, then restart the dashboard.
        </>
      ) : (
        <>
          On {row.name}, run <code>curl {origin}/health</code>. If you use your own CA, {row.name} must trust it.
        </>
      ),
    ],
    [
      "The token was rejected",
      <>
        The file must contain the complete token on one line, starting with <code>nf_{row.name}_</code>. A replaced token no
        longer works.
      </>,
    ],
    [
      "The config repository is private",
      <>
        Set <code>sshKeyFile</code> and give its public key read access.
      </>,
    ],
  ];
  return (
    <section aria-label="If it does not connect">
      <SectionHead title="If it does not connect" />
      <dl className="text-small">
        {entries.map(([title, words]) => (
          <Fragment key={title}>
            <dt className="pt-1 font-medium">{title}</dt>
            <dd className="pt-0.5 pb-3 wrap-anywhere text-muted">{words}</dd>
          </Fragment>
        ))}
      </dl>
    </section>
  );
}
