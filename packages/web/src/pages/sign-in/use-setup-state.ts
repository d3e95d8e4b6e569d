import { useCallback, useEffect, useState } from "react";
import { call } from "../../live/api.ts";
import { messageOf } from "../../ops/message-of.ts";

export type SetupState = { kind: "loading" } | { kind: "known"; needed: boolean } | { kind: "failed"; reason: string };

/** Whether the first administrator is still to be made, and a way to ask again. */
export function useSetupState(): { state: SetupState; ask: () => void } {
  const [state, setState] = useState<SetupState>({ kind: "loading" });
  const read = useCallback((signal?: AbortSignal) => {
    call("setupState", {}, signal).then(
      ({ needed }) => setState({ kind: "known", needed }),
      (error: unknown) => {
        if (!signal?.aborted) setState({ kind: "failed", reason: messageOf(error) });
      },
    );
  }, []);
  useEffect(() => {
    const leaving = new AbortController();
    read(leaving.signal);
    return () => leaving.abort();
  }, [read]);
  const ask = () => {
    setState({ kind: "loading" });
    read();
  };
  return { state, ask };
}
