import { type ChangesView, type CommitView, type HostView, type NextAction, type Preview, shortCommit } from "@nixfleet/protocol";
import { Power } from "lucide-react";
import { UnitChanges } from "../../closure/unit-changes.tsx";
import { useShowMore } from "../../closure/use-show-more.tsx";
import { Icon } from "../../components/icon.tsx";
import { RelativeTime } from "../../components/relative-time.tsx";
import { useOps } from "../../ops/ops-provider.tsx";
import { startOf } from "../../ops/requests.ts";
import { SidePart } from "./side-part.tsx";

/** What the activation does: reboot, units, agent; and the commits in between. */
export function ChangesSide({
  view,
  changes: { action, commits, commitsComplete },
  preview,
}: {
  view: HostView;
  changes: ChangesView;
  preview: Preview;
}) {
  return (
    <aside aria-label="What the switch does" className="min-w-0">
      {preview.reboot.needed && <RebootNeeded view={view} preview={preview} action={action} />}
      <UnitChanges units={preview.units} />
      <AgentAfter agent={preview.agent} />
      <WaysInAfter lockOut={preview.lockOut} />
      {(commits.length > 0 || !commitsComplete) && <Commits commits={commits} complete={commitsComplete} />}
    </aside>
  );
}

function RebootNeeded({ view: { row }, preview, action }: { view: HostView; preview: Preview; action: NextAction | null }) {
  const ops = useOps();
  return (
    <section aria-label="Reboot" className="mb-2 grid gap-1.5 rounded-l bg-attention-soft px-4 py-3.5">
      <h2 className="flex items-center gap-2 text-body font-semibold">
        <Icon of={Power} size={18} className="text-attention" />
        Reboot needed
      </h2>
      <p className="text-small wrap-anywhere">
        Some changes take effect only after {row.name} reboots
        {preview.reboot.reasons.length > 0 ? `: ${preview.reboot.reasons.join(", ")}.` : "."}
      </p>
      {action?.kind === "start" && action.op === "switch" && (
        <button
          type="button"
          className="justify-self-start text-left text-small font-medium text-accent hover:underlined max-phone:min-h-11"
          onClick={() => ops.start({ ...startOf(action), args: { ...action.args, mode: "boot" } }, [row])}
        >
          Set for the next boot instead
        </button>
      )}
    </section>
  );
}

/** That it is missing is named with the ways into the host. */
function AgentAfter({ agent }: { agent: Preview["agent"] }) {
  switch (agent) {
    case "missing":
      return null;
    case "changed":
      return <p className="pt-1 text-label text-faint">The agent changes too and restarts itself after the switch.</p>;
    case "same":
      return <p className="pt-1 text-label text-faint">The agent does not change.</p>;
  }
}

/** That nothing is taken away is a finding, too, and that nobody has looked is none. What is, or may be, stands above. */
function WaysInAfter({ lockOut }: Pick<Preview, "lockOut">) {
  if (lockOut === undefined)
    return <p className="pt-1 text-label text-faint">Ways into the host, such as ssh, were not compared.</p>;
  if (lockOut.risks.length + lockOut.unclear.length > 0) return null;
  return <p className="pt-1 text-label text-faint">No known way into the host, such as ssh, is taken away.</p>;
}

const FIRST = 12;

function Commits({ commits, complete }: { commits: readonly CommitView[]; complete: boolean }) {
  const { shown, more } = useShowMore(commits, FIRST);
  return (
    <SidePart title="Commits" count={complete ? commits.length : undefined}>
      <ul>
        {shown.map(({ commit, subject, author, at, url }) => (
          <li key={commit} className="pb-2 text-small max-phone:pb-0">
            <p className="line-clamp-2 wrap-anywhere">{subject}</p>
            <p className="flex flex-wrap items-center gap-x-2 text-label text-faint">
              {url === null ? (
                <code className="text-muted">{shortCommit(commit)}</code>
              ) : (
                <a
                  href={url}
                  target="_blank"
                  rel="noreferrer"
                  className="inline-flex items-center text-muted underlined hover:text-text max-phone:min-h-11"
                >
                  <code>{shortCommit(commit)}</code>
                </a>
              )}
              <span className="min-w-0 wrap-anywhere">
                {author}, <RelativeTime at={at} />
              </span>
            </p>
          </li>
        ))}
      </ul>
      {more}
      {!complete && (
        <p className="pt-1 text-label text-faint">
          {commits.length === 0
            ? "The running commit is not in the config repository."
            : "The list is incomplete, or the running commit is not in the config repository."}
        </p>
      )}
    </SidePart>
  );
}
