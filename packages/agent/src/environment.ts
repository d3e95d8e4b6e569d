type Environment = Readonly<Record<string, string | undefined>>;

/** By which programs find a proxy and the certificates of those whom they trust. */
export const NETWORK_VARIABLES: readonly string[] = [
  ...["http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"],
  ...["SSL_CERT_FILE", "SSL_CERT_DIR", "NIX_SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"],
];

/** The variables of these names that are set. */
export function pickVariables(env: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/** A search path that ends with these directories: a service manager gives its services next to none. */
export function pathWith(path: string | undefined, directories: readonly string[]): string {
  const known = (path ?? "").split(":").filter((directory) => directory !== "");
  return [...known, ...directories.filter((directory) => !known.includes(directory))].join(":");
}
