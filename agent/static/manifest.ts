import { parse } from 'yaml';

/** A manifest as people write them, YAML or JSON. A bundle of its own: a board without such files has no use for the parser. */
export const parseManifest = (text: string): unknown => parse(text);
