/**
 * Environment by which Node keeps what it has compiled: a program that is started from its TypeScript sources again and again then
 * starts in a third of the time (https://nodejs.org/api/module.html#module-compile-cache).
 */
export const compileCache = {
  NODE_COMPILE_CACHE: new URL("../../../node_modules/.cache/node", import.meta.url).pathname,
} as const;
