import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Kbd } from "../components/kbd.tsx";

const KEYS = [
  [["Ctrl K"], "Find a host or page, or start an op"],
  [["/"], "Search on this page"],
  [["j"], "Next host"],
  [["k"], "Previous host"],
  [["x"], "Select or deselect the host"],
  [["Enter"], "Open the host"],
  [["Esc"], "Clear the selection or the search"],
  [["?"], "Show this help"],
] as const;

const SEARCH = [
  ["web", "name, tag, platform, location or status"],
  ["tag:web -tag:edge", "a field; minus excludes"],
  ["is:failed is:offline", "a status group or reachability"],
  ["behind:>0 memory:>80", "numbers; memory and disk in percent"],
  ["commit:7f3a91c", "the running commit"],
  ['system:"not switched"', "a compartment’s status"],
] as const;

/** The shortcuts and the search syntax. */
export default function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Shortcuts and search" wide actions={<Button onClick={onClose}>Close</Button>}>
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
