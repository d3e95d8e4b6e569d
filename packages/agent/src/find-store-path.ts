/** What no path holds in the files that are searched: white space, quotes, and what stands around a path in units and property lists. */
const END = /[\s"'<>=&;]/;
/** A store is in no longer directory. */
const LONGEST_DIRECTORY = 300;

export interface WantedPath {
  /** What follows the hash and its dash: the source of a regular expression that takes no slash before the name is over. */
  name: string;
  /** What stands before the path. */
  after?: string;
}

/**
 * The first store path of such a name in a text, wherever the store is. Begins at the hash and looks back a bounded way, so that it takes
 * linear time: the text comes from whoever may push to the config repository.
 */
export function findStorePath(text: string, { name, after = "" }: WantedPath): string | undefined {
  for (const found of text.matchAll(new RegExp(`/[0-9a-df-np-sv-z]{32}-${name}`, "gm"))) {
    let begin = found.index;
    const least = Math.max(0, found.index - LONGEST_DIRECTORY);
    for (let at = begin; at >= least && !END.test(text.charAt(at)); at--) if (text.charAt(at) === "/") begin = at;
    const isWanted = begin < found.index && text.startsWith(after, begin - after.length);
    if (isWanted) return text.slice(begin, found.index + found[0].length);
  }
  return undefined;
}
