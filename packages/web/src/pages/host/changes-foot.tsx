import { CopyButton } from "../../components/copy-button.tsx";
import { shortStorePath } from "../../format/store-path.ts";

/** Which closure all of this is about. `switches`: the label of the button that activates exactly it, where there is one. */
export function ChangesFoot({ closure, switches }: { closure: string; switches: string | null }) {
  return (
    <p className="flex flex-wrap items-center gap-x-2 gap-y-1 pt-3 text-label text-faint">
      {switches === null ? "The closure that was previewed:" : `“${switches}” activates exactly the closure shown:`}
      <code className="wrap-anywhere text-muted">{shortStorePath(closure)}</code>
      <CopyButton text={closure} name="the store path" size="row" />
    </p>
  );
}
