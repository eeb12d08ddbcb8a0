/** What Home Assistant accepts as device discovery, as far as Coracle's messages go: rebuilt from its documented schema. */

/** The root is closed: any other key discards the whole message. */
const ROOT_KEYS = new Set([
  ...['dev', 'o', 'cmps', 'avty', 'avty_mode', 'avty_t', 'avty_tpl', 'pl_avail', 'pl_not_avail'],
  ...['stat_t', 'cmd_t', 'qos', 'encoding', 'message_expiry_interval'],
]);
const DEVICE_KEYS = new Set([
  ...['ids', 'cns', 'name', 'mf', 'mdl', 'mdl_id', 'sn', 'hw', 'sw', 'via_device', 'cu', 'sa'],
]);
const COMMON_KEYS = [
  ...['p', 'uniq_id', 'name', 'stat_t', 'val_tpl', 'avty', 'avty_mode', 'avty_t', 'avty_tpl', 'ic', 'en'],
  ...['ent_cat', 'dev_cla', 'json_attr_t', 'json_attr_tpl', 'exp_aft', 'qos', 'def_ent_id', '~'],
];
const COMMAND_KEYS = ['cmd_t', 'cmd_tpl', 'ret', 'message_expiry_interval'];
const PLATFORM_KEYS: Readonly<Record<string, ReadonlySet<string>>> = {
  sensor: new Set([...COMMON_KEYS, 'unit_of_meas', 'stat_cla', 'sug_dsp_prc', 'ops']),
  binary_sensor: new Set([...COMMON_KEYS, 'pl_on', 'pl_off', 'off_dly']),
  switch: new Set([...COMMON_KEYS, ...COMMAND_KEYS, 'pl_on', 'pl_off', 'stat_on', 'stat_off', 'opt']),
  button: new Set([...COMMON_KEYS, ...COMMAND_KEYS, 'pl_prs']),
};
/** Units by device class of a sensor; a class that wants none is empty. */
const UNITS: Readonly<Record<string, readonly string[]>> = {
  temperature: ['\u00b0C', '\u00b0F', 'K'],
  voltage: ['V', 'mV'],
  frequency: ['Hz', 'kHz', 'MHz', 'GHz'],
  data_size: ['B', 'kB', 'MB', 'KiB', 'MiB', 'GiB'],
  data_rate: ['B/s', 'kB/s', 'MB/s', 'bit/s', 'kbit/s', 'Mbit/s'],
  timestamp: [],
  enum: [],
};
const BINARY_CLASSES = new Set(['connectivity', 'problem', 'running', 'power', 'heat', 'update']);
const CLASSES: Readonly<Record<string, ReadonlySet<string>>> = {
  binary_sensor: BINARY_CLASSES,
  switch: new Set(['outlet', 'switch']),
  button: new Set(['identify', 'restart', 'update']),
};
const STATE_CLASSES = new Set(['measurement', 'total', 'total_increasing']);

type Fields = Readonly<Record<string, unknown>>;

/** Every rule that is broken, in words; none: Home Assistant takes the message. An empty payload removes a device. */
export function validateDiscovery(topic: string, payload: string): string[] {
  const problems: string[] = [];
  if (!/^homeassistant\/device\/[a-zA-Z0-9_-]+\/config$/.test(topic)) problems.push(`topic ${topic}`);
  if (payload === '') return problems;
  const root = JSON.parse(payload) as Fields;
  for (const key of Object.keys(root)) if (!ROOT_KEYS.has(key)) problems.push(`root key ${key}`);
  const { dev, o, cmps } = root as { dev?: Fields; o?: Fields; cmps?: Readonly<Record<string, Fields>> };
  if (!dev) problems.push('no dev');
  for (const key of Object.keys(dev ?? {})) if (!DEVICE_KEYS.has(key)) problems.push(`dev key ${key}`);
  if (dev && !nonEmptyList(dev['ids']) && !nonEmptyList(dev['cns']))
    problems.push('dev has neither ids nor cns');
  if (typeof o?.['name'] !== 'string') problems.push('o has no name');
  if (!cmps || Object.keys(cmps).length === 0) problems.push('no cmps');
  if (root['avty'] && root['avty_t']) problems.push('both forms of availability');
  const seen = new Set<unknown>();
  for (const [key, component] of Object.entries(cmps ?? {})) {
    problems.push(...validateComponent(component, root).map((problem) => `${key}: ${problem}`));
    if (seen.has(component['uniq_id'])) problems.push(`${key}: uniq_id twice`);
    seen.add(component['uniq_id']);
  }
  return problems;
}

function validateComponent(component: Fields, root: Fields): string[] {
  const platform = String(component['p']);
  const keys = PLATFORM_KEYS[platform];
  if (!keys) return [`platform ${platform}`];
  // This alone removes the entity.
  if (Object.keys(component).length === 1) return [];
  const problems = Object.keys(component)
    .filter((key) => !keys.has(key))
    .map((key) => `key ${key}`);
  if (typeof component['uniq_id'] !== 'string') problems.push('no uniq_id');
  const commands = platform === 'switch' || platform === 'button';
  if (platform !== 'button' && !component['stat_t'] && !root['stat_t']) problems.push('no state topic');
  if (commands) problems.push(...commandProblems(component, root));
  for (const key of ['stat_t', 'cmd_t', 'json_attr_t'])
    if (component[key] !== undefined && !isTopic(component[key])) problems.push(`${key} is no topic`);
  if ((root['avty'] && component['avty_t']) || (root['avty_t'] && component['avty']))
    problems.push('availability in another form than the root');
  const { ent_cat: category, exp_aft: expires, en } = component;
  // A sensor configures nothing; what commands shows nothing but what it does.
  const categories = commands ? ['config', 'diagnostic'] : ['diagnostic'];
  if (category !== undefined && !categories.includes(String(category)))
    problems.push(`ent_cat ${String(category)}`);
  if (expires !== undefined && (commands || !(Number.isInteger(expires) && Number(expires) > 0)))
    problems.push('exp_aft');
  if (en !== undefined && typeof en !== 'boolean') problems.push('en');
  return [
    ...problems,
    ...(platform === 'sensor' ? sensorProblems(component) : classProblems(platform, component)),
  ];
}

/** Publishes where nobody may subscribe with a wildcard, and says nothing that is kept. */
function commandProblems(component: Fields, root: Fields): string[] {
  const problems: string[] = [];
  if (!component['cmd_t'] && !root['cmd_t']) problems.push('no command topic');
  if (component['ret'] === true) problems.push('a command is retained');
  const expiry = component['message_expiry_interval'];
  if (expiry !== undefined && !(Number.isInteger(expiry) && Number(expiry) > 0))
    problems.push('message_expiry_interval');
  return problems;
}

const isTopic = (value: unknown): boolean =>
  typeof value === 'string' && value !== '' && value.length <= 65_535 && !/[+#\0]/.test(value);

function sensorProblems(component: Fields): string[] {
  const { dev_cla: kind, unit_of_meas: unit, stat_cla: state } = component;
  const problems: string[] = [];
  if (state !== undefined && !STATE_CLASSES.has(String(state))) problems.push(`stat_cla ${String(state)}`);
  if (kind === undefined) return problems;
  const units = UNITS[String(kind)];
  if (!units) return [...problems, `dev_cla ${String(kind)}`];
  if (units.length === 0 && (unit !== undefined || state !== undefined))
    problems.push(`${String(kind)} has neither unit nor stat_cla`);
  if (units.length > 0 && !units.includes(String(unit))) problems.push(`unit of ${String(kind)}`);
  return problems;
}

const classProblems = (platform: string, { dev_cla: kind }: Fields): string[] =>
  kind === undefined || CLASSES[platform]?.has(String(kind)) ? [] : [`dev_cla ${String(kind)}`];

const nonEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length > 0;
