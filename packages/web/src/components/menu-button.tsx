import {
  type ComponentProps,
  cloneElement,
  type MouseEvent,
  type PointerEvent,
  type ReactElement,
  type ReactNode,
  Suspense,
  useRef,
  useState,
} from "react";

/** Where a menu opens, and what to call when it closes. */
export interface MenuPlace {
  readonly anchor: Element;
  readonly onClose: () => void;
}

/**
 * A button that opens a menu. The menu is drawn by `menu` only while it is open, so that its code, which is large, can be loaded for it:
 * `menu` gives a lazy component.
 */
export function MenuButton({ trigger, menu }: { trigger: ReactElement; menu: (place: MenuPlace) => ReactNode }) {
  const [anchor, setAnchor] = useState<Element>();
  // A press on the button while the menu is open closes it as a press outside of it; the click that follows must not open it again.
  const wasOpen = useRef(false);
  const button = trigger as ReactElement<ComponentProps<"button">>;
  return (
    <>
      {cloneElement(button, {
        "aria-haspopup": "menu",
        "aria-expanded": anchor !== undefined,
        onPointerDown: (_: PointerEvent) => {
          wasOpen.current = anchor !== undefined;
        },
        onClick: (event: MouseEvent<HTMLButtonElement>) => {
          const { currentTarget } = event;
          setAnchor(wasOpen.current ? undefined : currentTarget);
          wasOpen.current = false;
        },
      })}
      <Suspense>{anchor && menu({ anchor, onClose: () => setAnchor(undefined) })}</Suspense>
    </>
  );
}
