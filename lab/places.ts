import { join, resolve } from "node:path";

const checkout = resolve(import.meta.dirname, "..");

/** Everything that labs write, but for their claims in /run. */
export interface Places {
  readonly root: string;
  /** Root file systems of hosts, each named by its kind and by what it was made of. */
  readonly roots: string;
  /** One directory for each lab that runs, named by the lab's number. */
  readonly labs: string;
}

export function createPlaces(directory = process.env["NIXFLEET_LAB_DIR"] ?? join(checkout, ".lab")): Places {
  const root = resolve(directory);
  return { root, roots: join(root, "root-filesystems"), labs: join(root, "labs") };
}
