/** Put in by the bundler (rolldown.config.ts) from NIXFLEET_GIT_COMMIT; not there while the sources themselves run. */
declare const __NIXFLEET_GIT_COMMIT__: string;

/** Source commit that this program was built from, with `-dirty` behind it where the sources had changed; undefined: not known. */
export const BUILD_COMMIT: string | undefined =
  typeof __NIXFLEET_GIT_COMMIT__ === "string" && __NIXFLEET_GIT_COMMIT__ !== "" ? __NIXFLEET_GIT_COMMIT__ : undefined;
