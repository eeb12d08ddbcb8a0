import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { readIfThere } from '#agent/node/read-file.ts';

/**
 * Where boards say what tells them from others, and survives a re-flash: the Pi's serial number, then PC firmware. Where
 * neither does, the address that was burnt into a network card.
 */
const SOURCES = [
  '/proc/device-tree/serial-number',
  '/sys/firmware/devicetree/base/serial-number',
  '/sys/class/dmi/id/product_uuid',
  '/sys/class/dmi/id/product_serial',
];
const NETWORKS = '/sys/class/net';
/** What cheap firmware writes where a serial number should be. */
const NONSENSE =
  /^(|0+|f+|[0:-]+|none|unknown|default string|to be filled by o\.?e\.?m\.?|system serial number|not (specified|applicable)|03000200-0400-0500-0006-000700080009)$/i;

/**
 * The board's hardware, hashed with our own word, so that it is not what others tell of it; '' where nothing tells it.
 * `given` is what a person said instead. It is no secret: see `server/nodes/identity.plan.ts` for what it is good for.
 */
export async function readHardware(
  given: string,
  read = readIfThere,
  networkCards: () => Promise<readonly string[]> = namesOfNetworks,
): Promise<string> {
  const said = given ? [given] : await Promise.all(SOURCES.map((path) => read(path)));
  const burnt = given ? [] : await burntAddresses(read, await networkCards());
  for (const text of [...said, ...burnt]) {
    const id = text.replaceAll('\0', '').trim().toLowerCase();
    if (!NONSENSE.test(id)) return createHash('sha256').update(`coracle hardware ${id}`).digest('hex');
  }
  return '';
}

const namesOfNetworks = (): Promise<readonly string[]> => readdir(NETWORKS).catch(() => []);

/** Of cards with a device behind them and an address of their own: neither bridges nor what was made up at the start. */
async function burntAddresses(
  read: typeof readIfThere,
  names: readonly string[],
): Promise<readonly string[]> {
  const found = await Promise.all(
    [...names].sort().map(async (name) => {
      const [isOwn, device] = await Promise.all([
        read(`${NETWORKS}/${name}/addr_assign_type`),
        read(`${NETWORKS}/${name}/device/uevent`),
      ]);
      return isOwn.trim() === '0' && device !== '' ? read(`${NETWORKS}/${name}/address`) : '';
    }),
  );
  return found.filter((address) => address !== '');
}
