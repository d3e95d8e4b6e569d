import type { HostRow, ServerInfo } from "@nixfleet/protocol";
import { Fragment, type ReactNode } from "react";
import { SectionHead } from "../../components/section-head.tsx";
import { isLoopback } from "./host-setup.ts";

/** Where a first word usually gets lost, and how to see it. */
export function CommonMistakes({ row, server }: { row: HostRow; server: ServerInfo | undefined }) {
  const origin = server?.origin ?? location.origin;
  const journal = {
    nixos: "journalctl -u nixfleet-agent -n 50",
    "home-manager": "journalctl --user -u nixfleet-agent -n 50",
    darwin: null,
  }[row.platform];
  const entries: (readonly [title: string, words: ReactNode])[] = [
    ...(journal === null ? [] : [["See what the agent says", <code key="journal">{journal}</code>] as const]),
    ["Let it check itself", <code key="check">nixfleet-agent check</code>],
    [
      `${row.name} does not reach the dashboard`,
      isLoopback(origin) ? (
        <>
          <code>{origin}</code> leads every machine to itself. Set <code>NIXFLEET_ORIGIN</code> of the dashboard to an address
          that {row.name} can reach, and restart it.
        </>
      ) : (
        <>
          Try there: <code>curl {origin}/health</code>. A certificate of your own must be trusted on {row.name}.
        </>
      ),
    ],
    [
      "The token was not taken",
      <>
        The file holds it whole, on one line, beginning with <code>nf_{row.name}_</code>. A replaced one is worth nothing.
      </>,
    ],
    [
      "The config repository is private",
      <>
        Set <code>sshKeyFile</code>; its public key needs read access.
      </>,
    ],
  ];
  return (
    <section aria-label="If nothing comes">
      <SectionHead title="If nothing comes" />
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
