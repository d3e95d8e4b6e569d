import * as z from "zod";
import { checkRepoUrl } from "./repo-url.ts";

/** A whole number within bounds, in decimal. */
export function wholeNumber(min: number, max: number) {
  const message = `a whole number from ${min} to ${max} is expected`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

/** `true`, `yes`, `on`, `1` or their opposites. */
export const onOff = z
  .string()
  .toLowerCase()
  .pipe(z.enum(["true", "yes", "on", "1", "false", "no", "off", "0"], { error: "true or false is expected" }))
  .transform((text) => ["true", "yes", "on", "1"].includes(text));

/** Items separated by commas or white space, without empty ones and doubles. */
export const wordList = z.string().transform((text) => [...new Set(text.split(/[\s,]+/).filter((word) => word !== ""))]);

/** A path from the root. Nothing is said about what is there. */
export const absolutePath = z
  .string()
  .startsWith("/", "a path that begins with / is expected")
  .refine((path) => !path.includes("\0"), "a path cannot hold a zero byte");

/** One of a few words. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return z.enum(words, { error: `one of ${words.join(", ")} is expected` });
}

/** A repository that `checkRepoUrl` accepts. */
export const repoUrl = z.string().superRefine((text, context) => {
  const checked = checkRepoUrl(text);
  if (!checked.ok) context.addIssue({ code: "custom", message: `${checked.fault}. ${checked.fix}` });
});

/** A folder within a repository, as its path from the root without a slash at either end. What names the root itself is the empty text. */
export const repoFolder = z
  .string()
  .max(200)
  .transform((text) => text.replace(/^(?:\.\/)+|\/+$/g, "").replace(/^\.$/, ""))
  .refine(
    (path) => path === "" || path.split("/").every((name) => /^(?!\.\.?$|\.git$)[\w.+@-]+$/.test(name)),
    "a folder within the repository is expected, such as nix or hosts/nix, of letters, digits and . _ + @ -",
  );

/**
 * The name of a branch: all that git refuses is refused (git-check-ref-format(1)), and what git would take and is no name, a leading
 * dash and white space or control characters beyond ASCII.
 */
export const branchName = z
  .string()
  .max(250)
  .regex(
    /^(?![-/.])(?!.*(?:\.\.|\/\/|\/\.|@\{|\.lock(?:\/|$)))[^\s~^:?*[\\\p{Cc}]+(?<![/.])$/u,
    "the name of a branch is expected, such as main",
  );
