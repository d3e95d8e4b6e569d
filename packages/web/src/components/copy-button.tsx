import { Check, Copy, X } from "lucide-react";
import { useEffect, useState } from "react";
import { Button, type ButtonSize, type ButtonVariant, IconButton } from "./button.tsx";
import { copyText } from "./copy-text.ts";

/** Copies a text, and says whether it did. With a label a button, without an icon alone. */
export function CopyButton({
  text,
  label,
  name,
  variant,
  size,
}: {
  text: string;
  label?: string;
  /** What is copied; the label of a button without text. */
  name?: string;
  variant?: ButtonVariant;
  size?: ButtonSize;
}) {
  const [done, setDone] = useState<"copied" | "failed" | undefined>();
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(undefined), 2_000);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => setDone((await copyText(text)) ? "copied" : "failed");
  const icon = done === "copied" ? Check : done === "failed" ? X : Copy;
  const shared = { ...(variant && { variant }), ...(size && { size }), onClick: copy };
  return (
    <>
      {label ? (
        <Button icon={icon} {...shared}>
          {label}
        </Button>
      ) : (
        <IconButton icon={icon} label={`Copy ${name ?? "this"}`} {...shared} />
      )}
      <span role="status" className="sr-only">
        {done === "copied" ? "Copied" : done === "failed" ? "The browser blocked copying" : ""}
      </span>
    </>
  );
}
