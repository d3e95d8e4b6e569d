/** A store path without the directory and the hash, which nobody reads: `nixos-system-gpc0-26.05`. */
export function storeName(path: string): string {
  return /^\/.*\/[0-9a-z]{32}-([^/]+)$/.exec(path)?.[1] ?? path;
}

/** A store path with the first digits of its hash, enough to tell two of one name apart: `/nix/store/8q1v…-nixos-system-gpc0-26.05`. */
export function shortStorePath(path: string): string {
  return path.replace(/^(\/.*\/[0-9a-z]{4})[0-9a-z]{28}-(?=[^/]+$)/, "$1…-");
}
