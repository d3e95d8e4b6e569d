import type { HostView } from "@nixfleet/protocol";
import { useId, useState } from "react";
import { Button } from "../../components/button.tsx";
import { call } from "../../live/api.ts";
import { messageOf } from "../../ops/message-of.ts";
import { useSession } from "../../shell/session.ts";
import { SidePart } from "./side-part.tsx";

/** The notes about the host. */
export function HostNotes({ view }: { view: HostView }) {
  const { person } = useSession();
  const [draft, setDraft] = useState<string>();
  const [sent, setSent] = useState(false);
  const [fault, setFault] = useState<string>();
  const id = useId();
  const mayEdit = person.role === "admin";
  if (!mayEdit && view.notes === "") return null;
  const save = async () => {
    setSent(true);
    setFault(undefined);
    try {
      await call("changeHost", { params: { host: view.row.id }, body: { notes: draft ?? "" } });
      setDraft(undefined);
    } catch (error) {
      setFault(messageOf(error));
    }
    setSent(false);
  };
  return (
    <SidePart
      title="Notes"
      end={
        mayEdit &&
        draft === undefined && (
          <Button variant="ghost" size="row" onClick={() => setDraft(view.notes)}>
            {view.notes === "" ? "Add notes" : "Edit"}
          </Button>
        )
      }
    >
      {draft === undefined ? (
        <p className="text-small whitespace-pre-wrap text-muted wrap-anywhere">{view.notes || "No notes."}</p>
      ) : (
        <form
          className="grid gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          <label htmlFor={id} className="sr-only">
            Notes about {view.row.name}
          </label>
          <textarea
            id={id}
            rows={5}
            maxLength={10_000}
            value={draft}
            onChange={(event) => setDraft(event.currentTarget.value)}
            className="w-full rounded-m border border-control bg-surface px-2.5 py-1.5 text-small max-phone:text-subject max-phone:font-normal"
          />
          {fault && (
            <p role="alert" className="text-small text-broken">
              {fault}
            </p>
          )}
          <span className="flex justify-end gap-2">
            <Button size="row" onClick={() => setDraft(undefined)}>
              Cancel
            </Button>
            <Button size="row" variant="ink" type="submit" sent={sent}>
              Save
            </Button>
          </span>
        </form>
      )}
    </SidePart>
  );
}
