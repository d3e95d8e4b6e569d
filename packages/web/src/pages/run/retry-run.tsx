import type { HostId, NextAction } from "@nixfleet/protocol";
import { Link, useNavigate } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";
import { useState } from "react";
import { Button, buttonClass } from "../../components/button.tsx";
import { notify } from "../../components/toast.tsx";
import { call } from "../../live/api.ts";
import { useHostRows } from "../../live/use-live.ts";
import { messageOf } from "../../ops/message-of.ts";
import { denialOf, startOf } from "../../ops/requests.ts";
import { useSession } from "../../shell/session.ts";

/** Starts anew what this run did not bring to its end, and goes to the new run. */
export function RetryRun({ retry, host }: { retry: NextAction; host: HostId }) {
  const row = useHostRows()?.find(({ id }) => id === host);
  const { person } = useSession();
  const navigate = useNavigate();
  const [sent, setSent] = useState(false);
  if (retry.kind === "open-run") {
    return (
      <Link to="/runs/$run" params={{ run: retry.runId }} className={buttonClass()}>
        {retry.label}
      </Link>
    );
  }
  const start = async () => {
    setSent(true);
    try {
      const run = await call("startRun", { params: { host }, body: { ...startOf(retry), force: false } });
      await navigate({ to: "/runs/$run", params: { run: run.id } });
    } catch (error) {
      notify({ status: "broken", fact: `${retry.label} was not started`, follows: messageOf(error) });
    }
    setSent(false);
  };
  return (
    <Button look="ink" icon={RotateCw} sent={sent} off={row && denialOf(row, retry.op, person.role)} onClick={() => void start()}>
      {retry.label}
    </Button>
  );
}
