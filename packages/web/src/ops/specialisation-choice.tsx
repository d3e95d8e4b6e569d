import { useId } from "react";

/** Undefined: the one that runs is kept. Null: none. */
export type SpecialisationAnswer = string | null | undefined;

const KEEP = "";
const NONE = "-";

/** Asks which specialisation a switch activates. None is named like an option of its own: names begin with a letter or a digit. */
export function SpecialisationChoice({
  running,
  names,
  onChange,
}: {
  running: string | null;
  names: readonly string[];
  onChange: (answer: SpecialisationAnswer) => void;
}) {
  const id = useId();
  return (
    <div className="grid gap-1.5">
      <label htmlFor={id} className="text-small font-medium">
        Specialisation
      </label>
      <select
        id={id}
        defaultValue={KEEP}
        className="h-8 w-full min-w-0 rounded-m border border-control bg-surface px-2.5 text-small text-text max-phone:h-11 max-phone:text-subject max-phone:font-normal"
        aria-describedby={`${id}-note`}
        onChange={({ currentTarget: { value } }) => onChange(value === KEEP ? undefined : value === NONE ? null : value)}
      >
        <option value={KEEP}>{running === null ? "None, as now" : `${running}, as now`}</option>
        {running !== null && <option value={NONE}>None</option>}
        {names
          .filter((name) => name !== running)
          .map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
      </select>
      <p id={`${id}-note`} className="text-label text-muted">
        Until the next boot: that brings the configuration itself, unless you choose another entry of the boot menu.
      </p>
    </div>
  );
}
