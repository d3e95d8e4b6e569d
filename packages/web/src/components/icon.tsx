import type { LucideIcon } from "lucide-react";
import { classNames } from "./class-names.ts";

export type { LucideIcon };

/** Icons are outlines in the colour of the text beside them. 14 in pills and buttons, 16 in lists, 18 beside a sentence, 20 in the verdict. */
export function Icon({
  of: Glyph,
  size = 14,
  className,
}: {
  of: LucideIcon;
  size?: 12 | 14 | 16 | 18 | 20 | 24;
  className?: string | undefined;
}) {
  return <Glyph aria-hidden="true" size={size} strokeWidth={1.75} className={classNames("block flex-none", className)} />;
}
