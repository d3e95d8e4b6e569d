import { CopyButton } from "../../components/copy-button.tsx";
import { shortStorePath } from "../../format/store-path.ts";

/** The previewed closure. `switches`: the label of the button that activates exactly this closure, if there is one. */
export function ChangesFoot({ closure, switches }: { closure: string; switches: string | null }) {
  return (
    <p className="flex flex-wrap items-center gap-x-2 gap-y-1 pt-3 text-label text-faint">
      {switches === null ? "Previewed closure:" : `“${switches}” activates exactly this closure:`}
      <code className="wrap-anywhere text-muted">{shortStorePath(closure)}</code>
      <CopyButton text={closure} name="the store path" size="row" />
    </p>
  );
}
