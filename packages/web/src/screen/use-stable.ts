import { useState } from "react";

/** Returns the previous value while the new one is equal, so that what depends on it does not render again. For small plain data. */
export function useStable<T>(value: T): T {
  const text = JSON.stringify(value);
  const [stable, setStable] = useState({ text, value });
  if (stable.text === text) return stable.value;
  setStable({ text, value });
  return value;
}
