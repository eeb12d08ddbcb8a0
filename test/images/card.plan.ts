/** The log of QEMU's `blklogwrites`, in the format of the kernel's dm-log-writes, and what a power cut makes of it. */

export const SECTOR = 512;
const FLUSH = 1;
const KNOWN_FLAGS = 0x0f;
/** What a card writes as one: sectors of 4 KiB. */
const PIECE = 8;
/** More than any single write of a guest. */
const MAX_SECTORS = 1 << 20;

export interface LoggedWrite {
  /** First on the card, in sectors. */
  readonly sector: number;
  /** Sectors. */
  readonly count: number;
  /** All that came before it is on the card for good. */
  readonly flush: boolean;
  /** Where in the log its bytes are. */
  readonly at: number;
}

/** A header, little endian: sector, sectors, flags, bytes of a mark; zeros up to the end of its sector. */
export function readEntry(
  header: Uint8Array,
  at: number,
  cardSectors: number,
): (LoggedWrite & { readonly next: number }) | undefined {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const word = (index: number): number => Number(view.getBigUint64(index * 8, true));
  const [sector, count, flags] = [word(0), word(1), word(2)];
  if (flags > KNOWN_FLAGS || (count === 0) !== (flags === FLUSH) || count > MAX_SECTORS) return undefined;
  if (sector + count > cardSectors || header.subarray(24).some((byte) => byte !== 0)) return undefined;
  const from = at + SECTOR;
  return { sector, count, flush: (flags & FLUSH) !== 0, at: from, next: from + count * SECTOR };
}

/**
 * What reached the card, in order: all up to the last flush; of the rest, pieces by chance. How much of it chance takes is
 * chance, too: from all to nothing.
 */
export function* keptOf(
  writes: readonly LoggedWrite[],
  random: () => number,
): Generator<LoggedWrite & { readonly lost: boolean }> {
  const safe = writes.findLastIndex(({ flush }) => flush);
  const share = random();
  for (const [index, write] of writes.entries()) {
    if (index <= safe) yield { ...write, lost: false };
    else
      for (let done = 0; done < write.count; done += PIECE)
        yield {
          ...write,
          sector: write.sector + done,
          at: write.at + done * SECTOR,
          count: Math.min(PIECE, write.count - done),
          lost: random() < share,
        };
  }
}
