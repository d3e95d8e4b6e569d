import { HOST_KIND_NAMES } from "./host-kinds.ts";
import { installNeeded } from "./machine.ts";
import { createPlaces } from "./places.ts";
import { openRootFilesystem } from "./root-filesystem.ts";

/** Before the first test: makes the root file systems that are not there yet, so that no test's time limit is used up by it. */
export async function setup(): Promise<void> {
  const say = (sentence: string) => console.log(sentence);
  const places = createPlaces();
  await installNeeded(say);
  await Promise.all(HOST_KIND_NAMES.map((kind) => openRootFilesystem(kind, { places, say })));
}
