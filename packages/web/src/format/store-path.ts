/** A store path with the first digits of its hash, enough to tell two of one name apart: `/nix/store/8q1v…-nixos-system-gpc0-26.05`. */
export function shortStorePath(path: string): string {
  return path.replace(/^(\/.*\/[0-9a-z]{4})[0-9a-z]{28}-(?=[^/]+$)/, "$1…-");
}
