import { useState } from "react";

/** The value given before while the new one says the same, so that what hangs on it is not drawn again. For small plain data. */
export function useStable<T>(value: T): T {
  const text = JSON.stringify(value);
  const [stable, setStable] = useState({ text, value });
  if (stable.text === text) return stable.value;
  setStable({ text, value });
  return value;
}
