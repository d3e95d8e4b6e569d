import { cloneElement, type ReactElement } from "react";

/**
 * Shows a text beside its one child, an element that passes attributes on, while that is pointed at or has the focus. The text must also
 * be reachable otherwise. What draws it, `TipLayer`, is loaded when the page is used: here is an attribute and nothing else, so
 * that a thousand of them cost nothing.
 */
export function Tip({ text, children }: { text: string | undefined; children: ReactElement }) {
  if (!text) return children;
  return cloneElement(children as ReactElement<{ "data-tip"?: string }>, { "data-tip": text });
}
