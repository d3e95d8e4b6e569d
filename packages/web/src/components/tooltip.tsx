import { Tooltip } from "@base-ui/react/tooltip";
import type { ReactElement } from "react";

const handle = Tooltip.createHandle<string>();

/** Shows a text beside its one child while that is pointed at or has the focus. The text must also be reachable otherwise. */
export function Tip({ text, children }: { text: string | undefined; children: ReactElement }) {
  if (!text) return children;
  return <Tooltip.Trigger handle={handle} payload={text} delay={400} render={children} />;
}

/** Draws the tooltip of whatever is pointed at; stands once in the shell. */
export function TipLayer() {
  return (
    <Tooltip.Root handle={handle}>
      {({ payload }) => (
        <Tooltip.Portal>
          <Tooltip.Positioner sideOffset={6} collisionPadding={8} className="z-50">
            <Tooltip.Popup className="max-w-80 rounded-m bg-ink px-2 py-1 text-label text-on-ink shadow-2 transition-opacity data-ending-style:opacity-0 data-starting-style:opacity-0">
              {payload}
            </Tooltip.Popup>
          </Tooltip.Positioner>
        </Tooltip.Portal>
      )}
    </Tooltip.Root>
  );
}
