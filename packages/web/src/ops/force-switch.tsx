import { type OpName, skippedByForce } from "@nixfleet/protocol";
import { Switch } from "../components/switch.tsx";

/**
 * Forces a run past the checks that can be skipped, and lists them with what can happen. Renders nothing if the op has none.
 * `required`: the run starts with it only.
 */
export function ForceSwitch({
  op,
  forced,
  required = false,
  onChange,
}: {
  op: OpName;
  forced: boolean;
  required?: boolean;
  onChange: (forced: boolean) => void;
}) {
  const skipped = skippedByForce(op);
  if (skipped.length === 0) return null;
  return (
    <Switch
      label="Force the run"
      checked={forced}
      required={required}
      onChange={(event) => onChange(event.currentTarget.checked)}
      hint={
        <>
          <p>Skips {skipped.length === 1 ? "this check" : "these checks"}:</p>
          <ul className="mt-1 grid gap-1">
            {skipped.map(({ refusal, check, effect }) => (
              <li key={refusal}>
                <b className="font-medium text-text">{check}.</b> {effect}
              </li>
            ))}
          </ul>
        </>
      }
    />
  );
}
