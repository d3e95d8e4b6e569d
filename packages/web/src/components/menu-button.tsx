import { type ComponentProps, cloneElement, type MouseEvent, type ReactElement, type ReactNode, Suspense, useState } from "react";

/** The anchor of a menu, and the callback for closing it. */
export interface MenuPlace {
  readonly anchor: Element;
  readonly onClose: () => void;
}

/**
 * A button that opens a menu. The menu is drawn by `renderMenu` only while it is open, so that its code, which is large, can be loaded for it:
 * `renderMenu` gives a lazy component.
 */
export function MenuButton({ trigger, renderMenu }: { trigger: ReactElement; renderMenu: (place: MenuPlace) => ReactNode }) {
  const [anchor, setAnchor] = useState<Element>();
  const button = trigger as ReactElement<ComponentProps<"button">>;
  return (
    <>
      {cloneElement(button, {
        "aria-haspopup": "menu",
        "aria-expanded": anchor !== undefined,
        onClick: ({ currentTarget }: MouseEvent<HTMLButtonElement>) => setAnchor(anchor ? undefined : currentTarget),
      })}
      <Suspense>{anchor && renderMenu({ anchor, onClose: () => setAnchor(undefined) })}</Suspense>
    </>
  );
}
