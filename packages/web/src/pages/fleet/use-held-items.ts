import { useState } from "react";
import type { ListItem } from "./list-items.ts";
import { heldOrder } from "./order.ts";

/**
 * The lines of the list, holding still while `held`: then nothing moves or goes but hosts that are removed, and what is new follows at the
 * end. Another view (`viewKey`) is an order of the person's own and takes effect at once.
 */
export function useHeldItems(
  wanted: readonly ListItem[],
  every: (key: string) => ListItem | undefined,
  held: boolean,
  viewKey: string,
): readonly ListItem[] {
  const [drawn, setDrawn] = useState<{ keys: readonly string[]; viewKey: string }>({ keys: [], viewKey });
  const byKey = new Map(wanted.map((item) => [item.key, item]));
  const find = (key: string) => byKey.get(key) ?? every(key);
  const fresh = wanted.map((item) => item.key);
  const keys = held && drawn.viewKey === viewKey ? heldOrder(drawn.keys, fresh, (key) => find(key) !== undefined) : fresh;
  if (drawn.viewKey !== viewKey || keys.length !== drawn.keys.length || keys.some((key, index) => key !== drawn.keys[index])) {
    setDrawn({ keys, viewKey });
  }
  return keys.flatMap((key) => find(key) ?? []);
}

/** Whether the pointer or the keyboard is in an element, so that its order must hold. */
export function useIsInside(): {
  inside: boolean;
  events: {
    onPointerEnter: (event: { pointerType: string }) => void;
    onPointerLeave: () => void;
    onFocus: (event: { target: Element }) => void;
    onBlur: () => void;
  };
} {
  const [pointer, setPointer] = useState(false);
  const [keyboard, setKeyboard] = useState(false);
  return {
    inside: pointer || keyboard,
    events: {
      onPointerEnter: (event) => setPointer(event.pointerType === "mouse"),
      onPointerLeave: () => setPointer(false),
      onFocus: (event) => setKeyboard(event.target.matches(":focus-visible")),
      onBlur: () => setKeyboard(false),
    },
  };
}
