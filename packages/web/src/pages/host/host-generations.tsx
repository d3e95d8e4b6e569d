import type { GenerationView, HostView } from "@nixfleet/protocol";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { GitCompareArrows, Layers } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useShowMore } from "../../closure/use-show-more.tsx";
import { ActionBar } from "../../components/action-bar.tsx";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { SkeletonRows } from "../../components/skeleton.tsx";
import { StatusLine } from "../../components/status-line.tsx";
import { useHostGenerations } from "../../live/use-live.ts";
import { useOps } from "../../ops/ops-provider.tsx";
import { usePendingOp } from "../../ops/pending-ops.ts";
import { denialOf, opStart } from "../../ops/requests.ts";
import { useMedia } from "../../screen/use-media.ts";
import { useSession } from "../../shell/session.ts";
import { Comparison } from "./comparison.tsx";
import { GenerationCard, GenerationLine } from "./generation-row.tsx";
import { choose, comparisonOf, sharedDenial } from "./generation-rules.ts";
import { useThisHost } from "./host-frame.tsx";

const RollBack = lazy(() => import("./roll-back.tsx"));

const FIRST = 50;

/** Every generation of the host, newest first: what it is, who deployed it, rollback to it, and comparison of any two. */
export function HostGenerations() {
  const view = useThisHost();
  const generations = useHostGenerations(view.row.id);
  const { compare } = useSearch({ from: "/signed-in/hosts/$host/generations" });
  if (generations === undefined) return <SkeletonRows rows={6} label="Loading generations" />;
  if (generations.length === 0) {
    return (
      <div className="pt-6">
        <EmptyState icon={Layers} title="No generations yet">
          {view.row.name} has not reported any generations yet.
        </EmptyState>
      </div>
    );
  }
  return (
    <>
      {compare !== undefined && <Comparison key={compare} run={compare} />}
      <Timeline view={view} generations={generations} />
    </>
  );
}

function Timeline({ view, generations }: { view: HostView; generations: readonly GenerationView[] }) {
  const [chosen, setChosen] = useState<readonly number[]>([]);
  const [back, setBack] = useState<GenerationView>();
  const { shown, more } = useShowMore(generations, FIRST);
  const shared = sharedDenial(generations);
  const Row = useMedia("(width < 1080px)") ? GenerationCard : GenerationLine;
  return (
    <section aria-label="Generations" className="pt-3">
      {shared !== null && (
        <StatusLine status="attention" className="py-2">
          Rollback is not available. {shared}
        </StatusLine>
      )}
      <ol>
        {shown.map((generation) => (
          <Row
            key={generation.number}
            host={view.row}
            generation={generation}
            denied={generation.denied === shared ? null : generation.denied}
            chosen={chosen.includes(generation.number)}
            onChoose={() => setChosen(choose(chosen, generation.number))}
            onRollBack={() => setBack(generation)}
          />
        ))}
      </ol>
      {more && <div className="pt-3">{more}</div>}
      {chosen.length > 0 && <CompareBar view={view} chosen={chosen} onDone={() => setChosen([])} />}
      <Suspense>
        {back && <RollBack view={view} generations={generations} to={back} onClose={() => setBack(undefined)} />}
      </Suspense>
    </section>
  );
}

/** The bar over the list while one or two generations are selected. */
function CompareBar({ view: { row }, chosen, onDone }: { view: HostView; chosen: readonly number[]; onDone: () => void }) {
  const ops = useOps();
  const { person } = useSession();
  const sent = usePendingOp(row.id);
  const navigate = useNavigate();
  const args = comparisonOf(chosen);
  const compare = () => {
    if (args === null) return;
    ops.start(opStart("preview", args), [row], {
      onStarted: (run) => {
        onDone();
        void navigate({ to: "/hosts/$host/generations", params: { host: row.name }, search: { compare: run.id } });
      },
    });
  };
  return (
    <ActionBar
      label={chosen.length === 1 ? `Generation ${chosen[0]}` : `Generations ${chosen.toSorted((a, b) => a - b).join(" and ")}`}
      extend={
        chosen.length === 1 && <span className="truncate text-small text-muted max-phone:hidden">Select another one, or</span>
      }
      onClear={onDone}
    >
      <Button
        size="row"
        icon={GitCompareArrows}
        sent={sent === "preview"}
        disabledReason={denialOf(row, "preview", person.role)}
        onClick={compare}
      >
        {chosen.length === 1 ? "Compare with the running system" : "Compare"}
      </Button>
    </ActionBar>
  );
}
