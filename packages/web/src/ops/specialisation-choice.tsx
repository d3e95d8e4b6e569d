import type { HostRow } from "@nixfleet/protocol";
import { useState } from "react";
import { Select } from "../components/select.tsx";
import { StatusLine } from "../components/status-line.tsx";
import { useHostChanges } from "../live/use-live.ts";
import { afterSwitch, type SpecialisationAnswer } from "./specialisation-words.ts";

const KEEP = "";
const NONE = "-";

/** Asks which specialisation a switch activates. None is named like an option of its own: names begin with a letter or a digit. */
export function SpecialisationChoice({
  row,
  names,
  onChange,
}: {
  row: Pick<HostRow, "id" | "platform" | "runs">;
  names: readonly string[];
  onChange: (answer: SpecialisationAnswer) => void;
}) {
  const [answer, setAnswer] = useState<SpecialisationAnswer>();
  const changes = useHostChanges(row.id);
  const running = row.runs.specialisation;
  const preview = changes?.standing === "fresh" ? changes.preview : null;
  const next = preview?.specialisation?.next;
  const { leaves, lasts } = afterSwitch({ platform: row.platform, answer, running, next });
  const gone = running !== null && next === null;
  return (
    <Select
      label="Specialisation"
      value={answer === undefined ? KEEP : (answer ?? NONE)}
      onChange={({ currentTarget: { value } }) => {
        const chosen = value === KEEP ? undefined : value === NONE ? null : value;
        setAnswer(chosen);
        onChange(chosen);
      }}
      note={
        <>
          {leaves && <StatusLine status="attention">{leaves}</StatusLine>}
          {lasts && <p>{lasts}</p>}
        </>
      }
    >
      <option value={KEEP}>{running === null ? "None, as now" : gone ? `None: ${running} is gone` : `${running}, as now`}</option>
      {running !== null && !gone && <option value={NONE}>None</option>}
      {names
        .filter((name) => name !== running)
        .map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
    </Select>
  );
}
