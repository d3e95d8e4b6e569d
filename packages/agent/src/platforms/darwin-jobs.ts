import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Launchd, labelsIn } from "../launchd/launchd.ts";
import { resolve } from "./links.ts";
import type { Difference, MeantState } from "./platform.ts";

/** Property lists of a closure, where nix-darwin copies them to, and what loads them from there. */
export interface JobPlace {
  /** Below the closure. */
  source: string;
  /** On the host. */
  target: string;
  /** Undefined: not to be asked now, as with a user who has not logged in. */
  launchd: Launchd | undefined;
}

/** Compares files and loaded jobs of these places with what was meant (modules/system/launchd.nix of nix-darwin). */
export async function compareJobs({ running, replaced }: MeantState, places: readonly JobPlace[]): Promise<Difference[]> {
  const differences: Difference[] = [];
  const add = (what: string, sentence: string) => differences.push({ what, sentence });
  for (const { source, target, launchd } of places) {
    const isLoaded = async (label: string) => (await launchd?.print(label))?.kind;
    const own = await labelsIn(join(running, source));
    for (const label of own) {
      const path = join(target, `${label}.plist`);
      const there = await textOf(path);
      if (there === undefined) add(path, `${path} is missing.`);
      else if (there !== (await textOf(join(running, source, `${label}.plist`)))) add(path, `${path} is not that of ${running}.`);
      else if ((await isLoaded(label)) === "missing") add(`${launchd?.domain}/${label}`, `The job ${label} is not loaded.`);
    }
    const left = replaced === null ? [] : await labelsIn(join(replaced, source));
    for (const label of left.filter((one) => !own.includes(one))) {
      const path = join(target, `${label}.plist`);
      if ((await textOf(path)) !== undefined) add(path, `${path} of ${replaced} is still there.`);
      else if ((await isLoaded(label)) === "loaded") {
        add(`${launchd?.domain}/${label}`, `The job ${label} of ${replaced} is still loaded.`);
      }
    }
  }
  return differences;
}

/** Compares `/etc/static`, through which all of nix-darwin's files in /etc are linked, with what was meant. */
export async function compareEtc({ running }: MeantState, link: string): Promise<Difference[]> {
  const meant = await resolve(join(running, "etc"));
  const seen = await resolve(link);
  if (meant === undefined || meant === seen) return [];
  return [{ what: link, sentence: `${link} leads to ${seen ?? "nothing"}, and not to ${meant}.` }];
}

/** The user of whom a closure has jobs in `user/Library/LaunchAgents`, as its checks name them (modules/system/checks.nix). */
export async function primaryUser(closure: string): Promise<string | undefined> {
  const text = (await textOf(join(closure, "activate"))) ?? "";
  return /^primaryUser=(['"]?)([\w.-]{1,255})\1$/m.exec(text)?.[2];
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES", "EISDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
