import { isTerminal, type RunId, type RunView } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import { useEffect, useRef } from "react";
import { sizeWords } from "../../closure/closure-rows.ts";
import { PackageList } from "../../closure/package-list.tsx";
import { UnitChanges } from "../../closure/unit-changes.tsx";
import { buttonClass } from "../../components/button.tsx";
import { Icon } from "../../components/icon.tsx";
import { SkeletonRows } from "../../components/skeleton.tsx";
import { StatusLine } from "../../components/status-line.tsx";
import { useRun } from "../../live/use-live.ts";
import { QueuePosition } from "../run/queue-position.tsx";
import { RunOutcome } from "../run/run-outcome.tsx";
import { RunProgress } from "../run/run-progress.tsx";
import { comparisonTitle } from "./generation-rules.ts";
import { useThisHost } from "./host-frame.tsx";

/** The differences between two generations, from the run that compares them. The run is in the address, so that it can be shared. */
export function Comparison({ run }: { run: RunId }) {
  const { row } = useThisHost();
  const view = useRun(run);
  const heading = useRef<HTMLHeadingElement>(null);
  const waits = view === undefined;
  // It opens above the list, which may be scrolled.
  useEffect(() => {
    if (!waits) heading.current?.focus({ preventScroll: false });
  }, [waits]);
  if (waits) return <SkeletonRows rows={3} label="Loading the comparison" />;
  const title = view === "gone" || view.summary.hostId !== row.id ? null : comparisonTitle(view.args);
  return (
    <section aria-label="Comparison" className="border-b border-border pt-4 pb-6">
      <div className="flex min-h-10 items-center gap-3">
        <h2 ref={heading} tabIndex={-1} className="min-w-0 flex-1 scroll-mt-20 text-subject font-semibold outline-none">
          {title ?? "Comparison not found"}
        </h2>
        <Link
          to="/hosts/$host/generations"
          params={{ host: row.name }}
          search={{}}
          resetScroll={false}
          aria-label="Close comparison"
          data-tip="Close comparison"
          className={buttonClass({ variant: "ghost", iconOnly: true })}
        >
          <Icon of={X} size={16} />
        </Link>
      </div>
      {title === null || view === "gone" ? (
        <p className="text-small text-muted">Its run does not exist, or it belongs to another host.</p>
      ) : (
        <Compared view={view} />
      )}
    </section>
  );
}

function Compared({ view }: { view: RunView }) {
  const { summary, diff, preview, outcome } = view;
  if (!isTerminal(summary.state)) {
    return (
      <>
        <RunProgress view={view} />
        {summary.state === "queued" && <QueuePosition run={summary} />}
      </>
    );
  }
  if (summary.state !== "succeeded" || diff === null) {
    return outcome && <RunOutcome summary={summary} outcome={outcome} elsewhere />;
  }
  return (
    <>
      <p className="pb-3 text-small text-muted">The closure has {sizeWords(diff)}.</p>
      <div className="grid grid-cols-[minmax(0,1fr)_320px] gap-10 max-desk:grid-cols-1 max-desk:gap-6">
        <PackageList diff={diff} />
        {preview && (
          <aside aria-label="What the change does" className="min-w-0">
            {preview.reboot.needed && (
              <StatusLine status="attention" className="pb-1">
                Changing between them needs a reboot
                {preview.reboot.reasons.length > 0 && `: ${preview.reboot.reasons.join(", ")}`}.
              </StatusLine>
            )}
            <UnitChanges units={preview.units} />
          </aside>
        )}
      </div>
    </>
  );
}
