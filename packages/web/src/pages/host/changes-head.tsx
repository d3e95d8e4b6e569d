import { type ChangesView, deployedClosure, type HostView, type Preview, shortCommit, storeName } from "@nixfleet/protocol";
import { ArrowRight } from "lucide-react";
import type { ReactNode } from "react";
import { sizeWords } from "../../closure/closure-rows.ts";
import { Icon } from "../../components/icon.tsx";
import { RelativeTime } from "../../components/relative-time.tsx";
import { StatusIcon } from "../../components/status-icon.tsx";
import { formatBytes, formatBytesChange } from "../../format/quantity.ts";
import { commitsBetween, storeDisk } from "./changes-words.ts";
import { takesAway } from "./ways-in.tsx";

/** The summary of the preview: its sentence, the commits, its age, and the change of size. */
export function ChangesHead({
  view,
  changes,
  preview,
}: {
  view: HostView;
  changes: ChangesView;
  preview: NonNullable<ChangesView["preview"]>;
}) {
  const { standing, sentence, previewedAt } = changes;
  const between = commitsBetween(changes);
  const runs = view.facts.running !== undefined && deployedClosure(view.facts.running) === preview.closure;
  return (
    <section aria-label="Summary" className="flex flex-wrap items-center gap-x-8 gap-y-4 border-b border-border py-5">
      <div className="min-w-0 flex-1 basis-100">
        <p className="flex items-start gap-2.5 text-subject font-semibold">
          {standing !== "fresh" ? (
            <Mark status="attention" />
          ) : runs ? (
            <Mark status="ok" />
          ) : takesAway(preview).length > 0 ? (
            <Mark status="broken" />
          ) : (
            leaves(preview) && <Mark status="attention" />
          )}
          <span className="min-w-0 wrap-anywhere">{sentence}</span>
        </p>
        <p className="mt-1 flex flex-wrap items-center gap-x-2 text-small text-muted">
          <span>
            From <From view={view} against={preview.against} />
          </span>
          <Icon of={ArrowRight} size={12} className="text-faint" />
          <span className="sr-only">to</span>
          {preview.commit === null ? (
            storeName(preview.closure)
          ) : (
            <code className="text-text">{shortCommit(preview.commit)}</code>
          )}
          {previewedAt !== null && (
            <span>
              {between !== null && `${between}, `}previewed <RelativeTime at={previewedAt} />
            </span>
          )}
        </p>
      </div>
      <Numbers view={view} changes={changes} />
    </section>
  );
}

/** Whether the switch leaves the specialisation that runs. */
function leaves({ specialisation }: Preview): boolean {
  return specialisation !== undefined && specialisation.running !== null && specialisation.next === null;
}

function Mark({ status }: { status: "ok" | "attention" | "broken" }) {
  return (
    <span className="grid h-6 place-items-center">
      <StatusIcon status={status} size={18} />
    </span>
  );
}

/** What it was compared with: generation and commit if that still runs, else the closure. */
function From({ view: { row, facts }, against }: { view: HostView; against: string | null }) {
  if (against === null) return "nothing";
  if (against !== facts.running?.closure || row.runs.commit === null) return <code>{storeName(against)}</code>;
  return (
    <>
      {row.runs.generation !== null && `generation ${row.runs.generation} `}
      <code className="text-text">{shortCommit(row.runs.commit)}</code>
      {row.runs.specialisation !== null && ` as ${row.runs.specialisation}`}
    </>
  );
}

function Numbers({ view, changes: { diff } }: { view: HostView; changes: ChangesView }) {
  if (diff === null) return null;
  const { sizeBefore, sizeAfter } = diff;
  const disk = storeDisk(view.metrics?.disks);
  return (
    <dl className="flex gap-x-10 max-phone:w-full max-phone:justify-between max-phone:gap-x-4">
      <Fact name="Closure">
        <span className="sr-only">{sizeWords(diff)}</span>
        <span aria-hidden="true" className="flex items-center gap-1.5">
          {sizeBefore !== null && sizeBefore !== sizeAfter && (
            <>
              <span className="font-normal text-muted">{formatBytes(sizeBefore)}</span>
              <Icon of={ArrowRight} size={12} className="text-faint" />
            </>
          )}
          {formatBytes(sizeAfter)}
        </span>
      </Fact>
      {sizeBefore !== null && sizeBefore !== sizeAfter && <Fact name="Change">{formatBytesChange(sizeAfter - sizeBefore)}</Fact>}
      {disk && <Fact name={`Free on ${disk.mount}`}>{formatBytes(disk.total - disk.used)}</Fact>}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-label text-faint">{name}</dt>
      <dd className="text-subject font-semibold whitespace-nowrap tabular-nums">{children}</dd>
    </div>
  );
}
