import { useLayoutEffect, useRef, useState } from "react";
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
  const drawn = useRef<{ keys: readonly string[]; viewKey: string }>({ keys: [], viewKey });
  const byKey = new Map(wanted.map((item) => [item.key, item]));
  const find = (key: string) => byKey.get(key) ?? every(key);
  const holds = held && drawn.current.viewKey === viewKey;
  const items = holds
    ? heldOrder(
        drawn.current.keys,
        wanted.map((item) => item.key),
        (key) => find(key) !== undefined,
      ).flatMap((key) => find(key) ?? [])
    : wanted;
  useLayoutEffect(() => {
    drawn.current = { keys: items.map((item) => item.key), viewKey };
  });
  return items;
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
