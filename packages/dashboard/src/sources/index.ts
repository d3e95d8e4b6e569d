export type { DeclaredSource, Source, SourceReader, Standing } from "./source.ts";
export { createSources, type Sources, type SourcesReader } from "./sources.ts";
export { sourceTitle, undeclaredSource } from "./undeclared-source.ts";
