import { classNames } from "../components/class-names.ts";
import { CopyButton } from "../components/copy-button.tsx";
import { shellLine, shellWord } from "./shell-words.ts";

/** The exact command that wrote the log, as it would be typed. */
export function LogCommand({ argv }: { argv: readonly string[] }) {
  return (
    <div className="flex h-9 items-center gap-2 border-b border-border pr-2 pl-5 font-mono text-label leading-5 text-muted max-phone:h-11 max-phone:pl-4">
      <span aria-hidden="true" className="text-faint">
        $
      </span>
      <code className="min-w-0 flex-1 truncate text-label leading-5">
        {argv.map((word, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the words of a command never change places.
          <span key={index} className={classNames(index > 0 && word.startsWith("-") && "text-working")}>
            {index > 0 && " "}
            {shellWord(word)}
          </span>
        ))}
      </code>
      <CopyButton text={shellLine(argv)} name="the command" size="row" />
    </div>
  );
}
