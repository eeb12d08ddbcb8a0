/**
 * Where this board tells its temperature and what feeds it: looked for once, because folders of /sys do not come and go, and
 * read as files.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseMillidegrees } from './proc.plan.ts';
import { readIfThere } from './read-file.ts';

export interface SensorReadings {
  readonly temperatureCelsius: number | undefined;
  readonly underVoltage: boolean | undefined;
  readonly volts: number | undefined;
}

interface Places {
  readonly temperature: string | undefined;
  readonly alarm: string | undefined;
  readonly volts: { readonly path: string; readonly unitsPerVolt: number } | undefined;
}

/** What heats up first, by the names that kernels of such boards give it. */
const PROCESSOR = /cpu|soc|package|x86_pkg/i;
/** The Raspberry Pi's kernel: 1 while the supply is too weak. */
const SUPPLY_MONITOR = 'rpi_volt';
/** Chips on the supply line, on boards and on HATs. */
const SUPPLY_METER = /^ina\d+/;

export class Sensors {
  readonly #root: string;
  #places: Promise<Places> | undefined;

  /** `root`: where /sys is. */
  constructor(root = '/sys') {
    this.#root = root;
  }

  async read(): Promise<SensorReadings> {
    this.#places ??= this.#find();
    const { temperature, alarm, volts } = await this.#places;
    const [degrees = '', alarmed = '', level = ''] = await Promise.all(
      [temperature, alarm, volts?.path].map((path) => (path ? readIfThere(path) : '')),
    );
    return {
      temperatureCelsius: parseMillidegrees(degrees),
      underVoltage: alarmed.trim() === '' ? undefined : alarmed.trim() !== '0',
      volts: volts && /^\d+\s*$/.test(level) ? Number(level) / volts.unitsPerVolt : undefined,
    };
  }

  async #find(): Promise<Places> {
    const at = (...parts: string[]): string => join(this.#root, 'class', ...parts);
    const named = async (folder: string, file: string) =>
      Promise.all(
        (await list(at(folder))).map(async (entry) => ({
          folder: at(folder, entry),
          name: (await readIfThere(at(folder, entry, file))).trim(),
        })),
      );
    const zones = (await named('thermal', 'type')).filter(({ folder }) => /thermal_zone\d+$/.test(folder));
    const zone = zones.find(({ name }) => PROCESSOR.test(name)) ?? zones[0];
    const chips = await named('hwmon', 'name');
    const monitor = chips.find(({ name }) => name === SUPPLY_MONITOR);
    const meter = chips.find(({ name }) => SUPPLY_METER.test(name));
    const [supply] = (await named('power_supply', 'voltage_now')).filter(({ name }) => name !== '');
    const volts = meter
      ? { path: join(meter.folder, 'in1_input'), unitsPerVolt: 1_000 }
      : supply && { path: join(supply.folder, 'voltage_now'), unitsPerVolt: 1_000_000 };
    return {
      temperature: zone && join(zone.folder, 'temp'),
      alarm: monitor && join(monitor.folder, 'in0_lcrit_alarm'),
      volts,
    };
  }
}

const list = (folder: string): Promise<string[]> =>
  readdir(folder).then(
    // By number. Not `localeCompare`: its tables take 3 MB.
    (names) => names.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)),
    () => [],
  );
