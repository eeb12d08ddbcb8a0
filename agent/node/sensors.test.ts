import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Sensors } from './sensors.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coracle-sys-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const read = (files: Readonly<Record<string, string>>) => {
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, 'class', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return new Sensors(root).read();
};

it('is silent on a board that tells nothing', async () => {
  const nothing = { temperatureCelsius: undefined, underVoltage: undefined, volts: undefined };
  expect(await read({})).toEqual(nothing);
  expect(await read({ 'hwmon/hwmon0/name': 'rpi_volt\n', 'hwmon/hwmon1/name': 'ina219\n' })).toEqual(nothing);
});

it('takes the temperature of the processor, not of what comes first', async () => {
  const readings = await read({
    'thermal/thermal_zone0/type': 'gpu-thermal\n',
    'thermal/thermal_zone0/temp': '40000\n',
    'thermal/thermal_zone1/type': 'soc_thermal\n',
    'thermal/thermal_zone1/temp': '48312\n',
    'thermal/cooling_device0/type': 'cpufreq-cpu0\n',
  });
  expect(readings.temperatureCelsius).toBe(48.312);
});

it.each([
  ['1\n', true],
  ['0\n', false],
])('reads the alarm of the supply: %j', async (text, underVoltage) => {
  const readings = await read({ 'hwmon/hwmon2/name': 'rpi_volt\n', 'hwmon/hwmon2/in0_lcrit_alarm': text });
  expect(readings.underVoltage).toBe(underVoltage);
});

it.each([
  ['a meter', { 'hwmon/hwmon1/name': 'ina219\n', 'hwmon/hwmon1/in1_input': '5123\n' }, 5.123],
  ['a battery', { 'power_supply/bat/voltage_now': '3912000\n' }, 3.912],
])('reads the volts of %s', async (_, files, volts) => {
  expect((await read(files)).volts).toBe(volts);
});
