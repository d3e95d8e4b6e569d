import { withoutTrailingSlashes } from "@nixfleet/runtime";

/** Path of a commit's page below the repository's, by a part of the server's name. */
const FORGES: readonly [name: RegExp, path: string][] = [
  [/(^|[.-])gitlab([.-]|$)/, "/-/commit/"],
  [/(^|[.-])bitbucket([.-]|$)/, "/commits/"],
  [/(^|[.-])(github|gitea|forgejo|codeberg)([.-]|$)/, "/commit/"],
];

/** The web page of a commit; null: the forge is not known. */
export function commitUrl(repoUrl: string, commit: string): string | null {
  const page = repositoryPage(repoUrl);
  if (page === null) return null;
  const path = FORGES.find(([name]) => name.test(page.hostname))?.[1];
  return path === undefined ? null : `${page.href}${path}${commit}`;
}

function repositoryPage(repoUrl: string): URL | null {
  // The short form of ssh, user@host:owner/repo.git
  const short = /^(?:[\w.-]+@)?([A-Za-z0-9][\w.-]*):(?!\/\/)(.+)$/.exec(repoUrl);
  const parsed = URL.parse(short === null ? repoUrl : `ssh://${short[1]}/${short[2]}`);
  if (parsed === null || !["https:", "http:", "ssh:"].includes(parsed.protocol)) return null;
  const path = withoutTrailingSlashes(parsed.pathname).replace(/\.git$/, "");
  if (!/^\/[^/]+\/.+/.test(path)) return null;
  // ssh uses another port; web pages use https.
  const origin = parsed.protocol === "ssh:" ? `https://${parsed.hostname}` : parsed.origin;
  return URL.parse(`${origin}${path}`);
}
