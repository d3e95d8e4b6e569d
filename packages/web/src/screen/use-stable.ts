import { useRef } from "react";

/** The value given before while the new one says the same, so that what hangs on it is not drawn again. For small plain data. */
export function useStable<T>(value: T): T {
  const kept = useRef<{ value: T; text: string }>(undefined);
  const text = JSON.stringify(value);
  if (kept.current?.text !== text) kept.current = { value, text };
  return kept.current.value;
}
