/** Characters that the column of tags holds; a tag's frame counts as two. */
const ROOM = 15;

/** The first tags of a host that stand whole in their column; at least one. */
export function tagsThatFit(tags: readonly string[]): readonly string[] {
  let used = 0;
  const count = tags.findIndex((tag) => {
    used += tag.length + 2;
    return used > ROOM;
  });
  return count < 0 ? tags : tags.slice(0, Math.max(1, count));
}
