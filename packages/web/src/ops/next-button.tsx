import type { HostRow, NextAction } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { Button, type ButtonSize, type ButtonVariant, buttonClass } from "../components/button.tsx";
import { classNames } from "../components/class-names.ts";
import { useSession } from "../shell/session.ts";
import { useOps } from "./ops-provider.tsx";
import { usePendingOp } from "./pending-ops.ts";
import { denialOf, startOf } from "./requests.ts";

/** The button of a host's next action, or of another action from the server; nothing if there is none. */
export function NextButton({
  row,
  next = row.next,
  size = "row",
  variant = "outline",
  className,
}: {
  row: HostRow;
  next?: NextAction | null;
  size?: ButtonSize;
  variant?: ButtonVariant;
  className?: string;
}) {
  const ops = useOps();
  const sent = usePendingOp(row.id);
  const { person } = useSession();
  if (next === null) return null;
  if (next.kind === "open-run") {
    return (
      <Link
        to="/runs/$run"
        params={{ run: next.runId }}
        aria-label={`${next.label} of ${row.name}`}
        className={classNames(buttonClass({ variant: "ghost", size }), className)}
      >
        {next.label}
      </Link>
    );
  }
  return (
    <Button
      variant={variant}
      size={size}
      className={className}
      sent={sent === next.op}
      disabledReason={denialOf(row, next.op, person.role)}
      aria-label={`${next.label}, ${row.name}`}
      onClick={() => ops.start(startOf(next), [row])}
    >
      {next.label}
    </Button>
  );
}
