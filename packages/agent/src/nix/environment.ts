import { userInfo } from "node:os";
import type { GitSettings } from "@nixfleet/runtime";

const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_ALL|LOCALE_ARCHIVE|SSL_CERT_FILE|SSL_CERT_DIR|https?_proxy|HTTPS_PROXY|all_proxy|ALL_PROXY|no_proxy|NO_PROXY|XDG_\w+|NIX_\w+)$/;

/** The environment of Nix's own programs: what Nix reads, and nothing else of the runner's. `git`: for the git that fetches inputs. */
export function nixEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  git: GitSettings = { env: {}, config: [] },
): Record<string, string> {
  const passed = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && PASSED_ON.test(name) ? [[name, value] as const] : [],
  );
  return {
    HOME: userInfo().homedir,
    ...Object.fromEntries(passed),
    // Nix reads the clone by git, which refuses a repository in which another user has files.
    ...gitConfig([["safe.directory", "*"], ...git.config]),
    ...git.env,
    GIT_TERMINAL_PROMPT: "0",
  };
}

/** As git-config(1) takes settings from the environment. */
function gitConfig(settings: GitSettings["config"]): Record<string, string> {
  const pairs = settings.flatMap(([name, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, name] as const,
    [`GIT_CONFIG_VALUE_${index}`, value] as const,
  ]);
  return { GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(pairs) };
}
