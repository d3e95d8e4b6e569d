import { Tooltip } from "@base-ui/react/tooltip";
import { useEffect, useState } from "react";

const DELAY = 400;

/** Draws the tooltip of the element under the pointer or with keyboard focus. Rendered once, in the frame. */
export default function TipLayer() {
  const [anchor, setAnchor] = useState<Element>();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let wanted: Element | undefined;
    const want = (next: Element | undefined, delay: number) => {
      if (next === wanted) return;
      wanted = next;
      clearTimeout(timer);
      if (next) timer = setTimeout(() => setAnchor(next), delay);
      else setAnchor(undefined);
    };
    const over = (event: PointerEvent) => {
      if (event.pointerType === "mouse") want(tipOf(event.target), DELAY);
    };
    const focus = (event: FocusEvent) => {
      const at = tipOf(event.target);
      if (at?.matches(":focus-visible")) want(at, 0);
    };
    const away = () => want(undefined, 0);
    const key = (event: KeyboardEvent) => {
      if (event.key === "Escape") away();
    };
    const end = new AbortController();
    const { signal } = end;
    document.addEventListener("pointerover", over, { signal });
    document.addEventListener("pointerdown", away, { signal });
    document.addEventListener("focusin", focus, { signal });
    document.addEventListener("focusout", away, { signal });
    document.addEventListener("keydown", key, { signal });
    document.addEventListener("scroll", away, { signal, capture: true });
    return () => {
      clearTimeout(timer);
      end.abort();
    };
  }, []);
  // An element that left the page or lost its text has no tooltip.
  const text = anchor?.isConnected ? anchor.getAttribute("data-tip") : null;
  return (
    <Tooltip.Root open={text !== null}>
      <Tooltip.Portal>
        <Tooltip.Positioner anchor={anchor ?? null} sideOffset={6} collisionPadding={8} className="pointer-events-none z-50">
          <Tooltip.Popup className="max-w-80 rounded-m bg-ink px-2 py-1 text-label text-on-ink shadow-2 transition-opacity wrap-anywhere data-ending-style:opacity-0 data-starting-style:opacity-0">
            {text}
          </Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

function tipOf(target: EventTarget | null): Element | undefined {
  return target instanceof Element ? (target.closest("[data-tip]") ?? undefined) : undefined;
}
