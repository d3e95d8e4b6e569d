import type { RunView } from "@nixfleet/protocol";
import { StatusLine } from "../../components/status-line.tsx";

/** Notes on a run beside its outcome: warnings, and a report that came after the run was given up. */
export function RunNotes({ view }: { view: RunView }) {
  const notes = [...(view.lateReport === null ? [] : [view.lateReport]), ...view.warnings];
  if (notes.length === 0) return null;
  return (
    <ul aria-label="Warnings" className="grid gap-1.5 pb-5">
      {notes.map((note, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: notes are only ever added at the end.
        <li key={index}>
          <StatusLine status="attention">{note}</StatusLine>
        </li>
      ))}
    </ul>
  );
}
