import type { RunId } from "@nixfleet/protocol";
import { Check, Copy, X } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "../components/button.tsx";
import { copyText } from "../components/copy-text.ts";
import { notify } from "../components/toast.tsx";
import { formatBytes } from "../format/quantity.ts";
import { routeUrl } from "../live/api.ts";
import { messageOf } from "../ops/message-of.ts";
import { plainLine } from "./ansi.ts";

/** More than this belongs into a file and not on a clipboard, in bytes. */
const MOST = 5 * 1024 ** 2;

/** Copies the whole log as text without escape sequences. */
export function CopyLog({ run, bytes }: { run: RunId; bytes: number }) {
  const [state, setState] = useState<"idle" | "reading" | "copied" | "failed">("idle");
  useEffect(() => {
    if (state !== "copied" && state !== "failed") return;
    const timer = setTimeout(() => setState("idle"), 2_000);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = async () => {
    setState("reading");
    try {
      const response = await fetch(rawLogUrl(run));
      if (!response.ok) throw new Error(`The dashboard returned HTTP ${response.status}.`);
      const text = await response.text();
      const copied = await copyText(text.split("\n").map(plainLine).join("\n"));
      setState(copied ? "copied" : "failed");
      if (!copied) notify({ status: "broken", title: "The log was not copied", detail: "The browser blocked it." });
    } catch (error) {
      setState("failed");
      notify({
        status: "broken",
        title: "The log was not copied",
        detail: messageOf(error),
      });
    }
  };
  return (
    <>
      <Button
        variant="ghost"
        size="row"
        icon={state === "copied" ? Check : state === "failed" ? X : Copy}
        sent={state === "reading"}
        disabledReason={bytes > MOST ? `${formatBytes(bytes)} is too large for the clipboard. Download it with Raw.` : undefined}
        onClick={() => void copy()}
      >
        Copy
      </Button>
      <span role="status" className="sr-only">
        {state === "copied" ? "Copied" : ""}
      </span>
    </>
  );
}

/** The address of the log as it was written. */
export function rawLogUrl(run: RunId): string {
  return routeUrl("runLog", { params: { run }, query: { format: "text" } });
}
