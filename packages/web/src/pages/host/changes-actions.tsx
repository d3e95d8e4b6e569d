import type { HostView } from "@nixfleet/protocol";
import { RefreshCw } from "lucide-react";
import { Button } from "../../components/button.tsx";
import { useHostChanges } from "../../live/use-live.ts";
import { NextButton } from "../../ops/next-button.tsx";
import { useOps } from "../../ops/ops-provider.tsx";
import { usePendingOp } from "../../ops/pending-ops.ts";
import { denialOf, opStart, startOf } from "../../ops/requests.ts";
import { useSession } from "../../shell/session.ts";
import { takesAway } from "./ways-in.tsx";

/** The actions for the last preview: the server's one action in ink, and a new preview beside it. */
export function ChangesActions({ view: { row } }: { view: HostView }) {
  const changes = useHostChanges(row.id);
  const ops = useOps();
  const sent = usePendingOp(row.id);
  const { person } = useSession();
  // Without any preview the page itself has the button.
  if (changes === undefined || changes.run === null) return null;
  const { action, preview, forced } = changes;
  const again = preview !== null && row.run === null && !(action?.kind === "start" && action.op === "preview");
  return (
    <>
      {again && (
        <Button
          icon={RefreshCw}
          sent={sent === "preview"}
          disabledReason={denialOf(row, "preview", person.role)}
          onClick={() => ops.start(opStart("preview"), [row])}
        >
          Preview again
        </Button>
      )}
      {preview !== null && forced?.kind === "start" && (
        <Button
          variant="danger"
          sent={sent === forced.op}
          disabledReason={denialOf(row, forced.op, person.role)}
          onClick={() =>
            ops.start(startOf(forced), [row], { risk: { title: `What ${row.name} loses`, sentences: takesAway(preview) } })
          }
        >
          {forced.label}
        </Button>
      )}
      <NextButton row={row} next={action} size="normal" variant="ink" />
    </>
  );
}
