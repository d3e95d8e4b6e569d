import { CodeBlock } from "../../components/code-block.tsx";
import { type CodeMark, markNix, markShell } from "./nix-marks.ts";

const MARK_CLASSES = {
  string: "text-ok",
  attribute: "text-working",
  value: "text-accent",
  dim: "text-faint",
  plain: undefined,
} as const satisfies Record<CodeMark["kind"], string | undefined>;

function Marks({ marks }: { marks: readonly CodeMark[] }) {
  return marks.map(({ text, kind }, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text never change places.
    <span key={index} className={MARK_CLASSES[kind]}>
      {text}
    </span>
  ));
}

/** A file of Nix, under its path. */
export function NixFile({ path, code }: { path: string; code: string }) {
  return (
    <div className="[&>section]:rounded-t-none">
      <p className="rounded-t-m border border-b-0 border-border bg-surface px-4 py-1.5 text-muted">
        <code className="text-small wrap-anywhere">{path}</code>
      </p>
      <CodeBlock label={path}>
        <Marks marks={markNix(code.trimEnd())} />
      </CodeBlock>
    </div>
  );
}

/** Commands, each after its prompt. */
export function Commands({ lines, prompt, label }: { lines: readonly string[]; prompt: "#" | "$"; label: string }) {
  return (
    <CodeBlock label={label}>
      {lines.map((line, index) => (
        <span key={line}>
          {index > 0 && "\n"}
          <span className="text-faint select-none">{prompt} </span>
          <Marks marks={markShell(line)} />
        </span>
      ))}
    </CodeBlock>
  );
}
