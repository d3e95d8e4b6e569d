import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Kbd } from "../components/kbd.tsx";

const KEYS = [
  [["Ctrl K"], "Find a host or page, or start something"],
  [["/"], "Search on this page"],
  [["j"], "Next host"],
  [["k"], "Previous host"],
  [["x"], "Select the host, or put it back"],
  [["Enter"], "Open the host"],
  [["Esc"], "Put the selection or the search away"],
  [["?"], "This list"],
] as const;

const SEARCH = [
  ["web", "name, tag, platform, place or status word"],
  ["tag:web -tag:edge", "a field; a minus for not"],
  ["is:failed is:offline", "a group of the verdict, or how it can be reached"],
  ["behind:>0 memory:>80", "numbers; memory and disk in percent"],
  ["commit:7f3a91c", "what runs"],
  ['system:"not switched"', "a compartment’s word"],
] as const;

/** The keys and the search language. */
export default function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Keys and search" wide actions={<Button onClick={onClose}>Close</Button>}>
      <div className="grid grid-cols-2 gap-x-8 gap-y-5 max-desk:grid-cols-1">
        <dl className="grid grid-cols-[max-content_1fr] content-start gap-x-4 gap-y-2">
          {KEYS.map(([keys, words]) => (
            <div key={words} className="contents">
              <dt>
                {keys.map((key) => (
                  <Kbd key={key}>{key}</Kbd>
                ))}
              </dt>
              <dd>{words}</dd>
            </div>
          ))}
        </dl>
        <dl className="grid content-start gap-y-2">
          {SEARCH.map(([example, words]) => (
            <div key={example}>
              <dt>
                <code className="text-text">{example}</code>
              </dt>
              <dd>{words}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Dialog>
  );
}
