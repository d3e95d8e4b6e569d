import { Dialog as Base } from "@base-ui/react/dialog";
import type { ReactNode, RefObject } from "react";
import { classNames } from "./class-names.ts";

/**
 * A question over the page: its title is the question, its buttons are on the right, the last one repeats the verb. `initialFocus` is the
 * button to begin on; dangerous ones begin on Cancel.
 */
export function Dialog({
  open,
  onClose,
  title,
  children,
  actions,
  initialFocus,
  wide = false,
}: {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  children: ReactNode;
  actions: ReactNode;
  initialFocus?: RefObject<HTMLElement | null> | undefined;
  wide?: boolean;
}) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-scrim transition-opacity duration-240 data-ending-style:opacity-0 data-starting-style:opacity-0" />
        <Base.Popup
          {...(initialFocus && { initialFocus })}
          className={classNames(
            "fixed top-1/2 left-1/2 z-40 grid max-h-[calc(100dvh-32px)] max-w-[calc(100vw-2*var(--gutter))] -translate-x-1/2 -translate-y-1/2 gap-2.5 overflow-y-auto rounded-l border border-border-strong bg-raised p-5 shadow-2 transition-opacity duration-240 data-ending-style:opacity-0 data-starting-style:opacity-0",
            wide ? "w-[640px]" : "w-[480px]",
          )}
        >
          <Base.Title className="text-subject font-semibold">{title}</Base.Title>
          <Base.Description render={<div />} className="grid gap-2 text-small text-muted">
            {children}
          </Base.Description>
          <div className="mt-2 flex flex-wrap justify-end gap-2">{actions}</div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
