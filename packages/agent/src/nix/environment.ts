import { userInfo } from "node:os";

const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_ALL|LOCALE_ARCHIVE|SSL_CERT_FILE|SSL_CERT_DIR|https?_proxy|HTTPS_PROXY|all_proxy|ALL_PROXY|no_proxy|NO_PROXY|XDG_\w+|NIX_\w+)$/;

/** The environment of Nix's own programs: what Nix reads, and nothing else of the runner's. */
export function nixEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const passed = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && PASSED_ON.test(name) ? [[name, value] as const] : [],
  );
  return {
    HOME: userInfo().homedir,
    ...Object.fromEntries(passed),
    // Nix reads the clone by git, which refuses a repository in which another user has files.
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "safe.directory",
    GIT_CONFIG_VALUE_0: "*",
    GIT_TERMINAL_PROMPT: "0",
  };
}
