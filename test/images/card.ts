/**
 * A card with a cache that the power holds: what the guest has flushed stays, of the rest a cut leaves this and that, in pieces
 * of 4 KiB. QEMU writes to an overlay and logs each write and flush in their order; after a cut the log decides what the card
 * has, and the overlay is forgotten.
 */
import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { run } from '#firmware/build/run.ts';
import { keptOf, type LoggedWrite, readEntry, SECTOR } from './card.plan.ts';

export interface Settled {
  /** MiB that were written since the power came on, and how much of them was lost. */
  readonly writtenMiB: number;
  readonly lostMiB: number;
  readonly flushes: number;
}

export class Card {
  readonly #path: string;
  readonly #random: () => number;

  /** `random` gives numbers from 0 to 1. */
  constructor(path: string, random: () => number) {
    this.#path = path;
    this.#random = random;
  }

  get #overlay(): string {
    return `${this.#path}.overlay`;
  }

  get #log(): string {
    return `${this.#path}.log`;
  }

  /** Before the power comes on. */
  async insert(): Promise<void> {
    rmSync(this.#log, { force: true });
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', this.#path, this.#overlay]);
    closeSync(openSync(this.#log, 'w'));
  }

  /** QEMU's: the drive `disk`. The host need not flush: its page cache survives QEMU. */
  get arguments(): readonly string[] {
    const file = (name: string, filename: string): object => ({
      driver: 'file',
      'node-name': name,
      filename,
      cache: { 'no-flush': true },
    });
    const blocks = [
      file('overlay-file', this.#overlay),
      {
        driver: 'qcow2',
        'node-name': 'overlay',
        file: 'overlay-file',
        cache: { 'no-flush': true },
      },
      file('log', this.#log),
      {
        driver: 'blklogwrites',
        'node-name': 'disk',
        file: 'overlay',
        log: 'log',
        'log-sector-size': SECTOR,
      },
    ];
    return blocks.flatMap((block) => ['-blockdev', JSON.stringify(block)]);
  }

  /** After the cut; QEMU has ended. */
  async settle(): Promise<Settled> {
    const log = openSync(this.#log, 'r');
    const card = openSync(this.#path, 'r+');
    let lost = 0;
    try {
      const writes = readLog(log, fstatSync(card).size);
      const buffer = Buffer.alloc(1024 * 1024);
      for (const piece of keptOf(writes, this.#random)) {
        if (piece.lost) lost += piece.count;
        else copy(log, card, piece, buffer);
      }
      const written = writes.reduce((sum, { count }) => sum + count, 0);
      return {
        writtenMiB: (written * SECTOR) / 1024 ** 2,
        lostMiB: (lost * SECTOR) / 1024 ** 2,
        flushes: writes.filter(({ flush }) => flush).length,
      };
    } finally {
      closeSync(log);
      closeSync(card);
      rmSync(this.#overlay);
      await this.insert();
    }
  }
}

/**
 * All that the log has. A write that was under way when QEMU was killed may have left a gap of zeros before ones that were
 * quicker: the next header that leads to others is where it goes on.
 */
function readLog(log: number, cardBytes: number): readonly LoggedWrite[] {
  const { size } = fstatSync(log);
  const sector = Buffer.alloc(SECTOR);
  const entryAt = (at: number): (LoggedWrite & { readonly next: number }) | undefined => {
    if (at + SECTOR > size || readSync(log, sector, 0, SECTOR, at) < SECTOR) return undefined;
    return readEntry(sector, at, cardBytes / SECTOR);
  };
  const writes: LoggedWrite[] = [];
  // The first sector says what the file is.
  for (let at = SECTOR; at < size; ) {
    const entry = entryAt(at);
    if (entry) writes.push(entry);
    at = entry?.next ?? at + SECTOR;
  }
  return writes;
}

function copy(log: number, card: number, { at, sector, count }: LoggedWrite, buffer: Buffer): void {
  for (let done = 0; done < count * SECTOR; ) {
    const length = Math.min(buffer.length, count * SECTOR - done);
    const read = readSync(log, buffer, 0, length, at + done);
    // The end of a write that was under way: the host never got it.
    if (read === 0) return;
    writeSync(card, buffer, 0, read, sector * SECTOR + done);
    done += read;
  }
}
