/** `fieldValidation` of a request: what to do about unknown and duplicate fields. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** More of them help nobody, and each is text to hold. */
const MOST = 100;

/** Where in its text a document names fields for the first time: offsets by path. */
export type Locate = (paths: ReadonlySet<string>) => ReadonlyMap<string, number>;

/**
 * Collects what strict decoding objects to, in the words of upstream, whose decoder tells problems in the order of
 * the text. Here duplicates are found while a text is parsed and unknown fields only after that.
 */
export class StrictErrors {
  /** Of YAML, line by line: they come first, and together. */
  readonly #lines: string[] = [];
  readonly #fields: { readonly message: string; readonly path: string; readonly at: number | undefined }[] =
    [];
  /** Set by who parsed the text. */
  locate: Locate | undefined;

  /** What a refusal lists. */
  get messages(): readonly string[] {
    const lines = this.#lines.length > 0 ? [`yaml: unmarshal errors:\n  ${this.#lines.join('\n  ')}`] : [];
    return [...lines, ...this.#inOrder()];
  }

  /** What a client is warned of, each on its own. */
  get warnings(): readonly string[] {
    return [...this.#lines, ...this.#inOrder()];
  }

  unknown(path: string): void {
    this.#add(`unknown field ${JSON.stringify(path)}`, path, undefined);
  }

  /** `at`: the offset of the second one. */
  duplicate(path: string, at?: number): void {
    this.#add(`duplicate field ${JSON.stringify(path)}`, path, at);
  }

  /** `line 4: key "name" already set in map` */
  yaml(line: string): void {
    if (this.#lines.length < MOST) this.#lines.push(line);
  }

  #add(message: string, path: string, at: number | undefined): void {
    if (this.#fields.length < MOST && !this.#fields.some((known) => known.message === message))
      this.#fields.push({ message, path, at });
  }

  #inOrder(): readonly string[] {
    const found = this.#fields;
    const isMixed = found.some(({ at }) => at === undefined) && found.some(({ at }) => at !== undefined);
    if (!isMixed || !this.locate) return found.map(({ message }) => message);
    const places = this.locate(new Set(found.map(({ path }) => path)));
    return found
      .map((one) => ({ ...one, at: one.at ?? places.get(one.path) ?? Number.MAX_SAFE_INTEGER }))
      .sort((a, b) => a.at - b.at)
      .map(({ message }) => message);
  }
}

/** `spec` and `containers` give `spec.containers`. */
export const joinPath = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);
