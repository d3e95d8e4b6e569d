/** What is selected in the list, by host id, and where the last click was, for ranges. */
export interface Selection {
  readonly ids: ReadonlySet<string>;
  readonly anchor: string | undefined;
}

export const NOTHING: Selection = { ids: new Set(), anchor: undefined };

/** Selects one host or puts it back. */
export function toggle(selection: Selection, id: string): Selection {
  const ids = new Set(selection.ids);
  if (!ids.delete(id)) ids.add(id);
  return { ids, anchor: id };
}

/** Selects everything between the last click and this one, in the order that is drawn; without a last click, this one. */
export function extendTo(selection: Selection, id: string, drawn: readonly string[]): Selection {
  const from = selection.anchor === undefined ? -1 : drawn.indexOf(selection.anchor);
  const to = drawn.indexOf(id);
  if (from < 0 || to < 0) return toggle(selection, id);
  const range = drawn.slice(Math.min(from, to), Math.max(from, to) + 1);
  return { ids: new Set([...selection.ids, ...range]), anchor: id };
}

/** Selects all of these. */
export function selectAll(ids: readonly string[]): Selection {
  return { ids: new Set(ids), anchor: undefined };
}

/** What is left of a selection when hosts go. The same object if all are still there. */
export function keepExisting(selection: Selection, exists: (id: string) => boolean): Selection {
  const ids = [...selection.ids].filter(exists);
  return ids.length === selection.ids.size ? selection : { ...selection, ids: new Set(ids) };
}
