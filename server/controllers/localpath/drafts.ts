/** A directory that was asked for and has no volume (yet): made, or perhaps made. */
export interface Draft {
  /** `namespace/name` of the claim. */
  readonly claim: string;
  readonly node: string;
  readonly volume: string;
}

/**
 * What must not be left on boards when a claim goes, or moves, between the making of its directory and that of its volume. In
 * memory: what a crash of the server leaves is an empty directory.
 */
export class Drafts {
  readonly #drafts = new Map<string, Draft>();

  add(draft: Draft): void {
    this.#drafts.set(`${draft.node}/${draft.volume}`, draft);
  }

  delete({ node, volume }: Draft): void {
    this.#drafts.delete(`${node}/${volume}`);
  }

  ofClaim(claim: string): readonly Draft[] {
    return [...this.#drafts.values()].filter((draft) => draft.claim === claim);
  }

  onNode(node: string): readonly Draft[] {
    return [...this.#drafts.values()].filter((draft) => draft.node === node);
  }
}
