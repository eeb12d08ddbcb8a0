/** A picture of a terminal, from a record of what it showed. SVG: small, sharp on every screen, and a diff shows what changed. */

/** The first line of a record is the window's title; a line that begins with `$ ` or `# ` was typed. */
export interface TerminalRecord {
  readonly title: string;
  readonly lines: readonly string[];
}

const COLUMNS = 100;
const CHAR = 8.4;
const LINE = 20;
const PAD = 18;
const BAR = 36;

const COLOURS = {
  window: '#1b2230',
  bar: '#2a3345',
  title: '#9aa7bd',
  text: '#d5dce8',
  dim: '#8592a8',
  prompt: '#6fcf97',
  typed: '#ffffff',
  dots: ['#ff5f57', '#febc2e', '#28c840'],
} as const;

export function readRecord(text: string): TerminalRecord {
  const [title = '', ...lines] = text.replace(/\n+$/, '').split('\n');
  return { title, lines };
}

/** As a terminal breaks lines that are too long. */
export function wrap(line: string, columns = COLUMNS): readonly string[] {
  const parts: string[] = [];
  for (let at = 0; at < line.length || at === 0; at += columns) parts.push(line.slice(at, at + columns));
  return parts;
}

export function drawTerminal({ title, lines }: TerminalRecord): string {
  const rows = lines.flatMap((line) => wrap(line).map((text, part) => drawRow(text, part === 0)));
  const width = Math.ceil(COLUMNS * CHAR + 2 * PAD);
  const height = BAR + 2 * PAD - 6 + rows.length * LINE;
  const dots = COLOURS.dots.map(
    (fill, n) => `<circle cx="${PAD + 2 + n * 20}" cy="${BAR / 2}" r="6" fill="${fill}"/>`,
  );
  const texts = rows.map((row, n) => (row ? `<text y="${BAR + PAD + 10 + n * LINE}">${row}</text>` : ''));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">`,
    `<rect width="${width}" height="${height}" rx="10" fill="${COLOURS.window}"/>`,
    `<path d="M0 10a10 10 0 0 1 10-10h${width - 20}a10 10 0 0 1 10 10v${BAR - 10}H0z" fill="${COLOURS.bar}"/>`,
    ...dots,
    `<text x="${width / 2}" y="${BAR / 2 + 5}" text-anchor="middle" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="13" fill="${COLOURS.title}">${escapeXml(title)}</text>`,
    `<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" fill="${COLOURS.text}" xml:space="preserve">`,
    ...texts.filter(Boolean),
    '</g>',
    '</svg>',
  ].join('\n')}\n`;
}

/** Each piece says where it begins and how long it is: columns stay columns whatever font there is. */
function drawRow(text: string, first: boolean): string {
  if (text.trim() === '') return '';
  const typed = first ? /^([$#] )(.*)$/.exec(text) : null;
  if (typed) return piece(typed[1] ?? '', 0, COLOURS.prompt) + piece(typed[2] ?? '', 2, COLOURS.typed, true);
  const stamped = first ? /^(\[ *\d+\.\d+\] )(.*)$/.exec(text) : null;
  if (stamped) {
    const [, stamp = '', rest = ''] = stamped;
    return piece(stamp, 0, COLOURS.dim) + piece(rest, stamp.length);
  }
  return piece(text, 0);
}

function piece(text: string, column: number, fill?: string, bold = false): string {
  const shown = text.trimEnd();
  const start = shown.length - shown.trimStart().length;
  if (shown.trim() === '') return '';
  const x = round(PAD + (column + start) * CHAR);
  const length = round((shown.length - start) * CHAR);
  const look = `${fill ? ` fill="${fill}"` : ''}${bold ? ' font-weight="600"' : ''}`;
  return `<tspan x="${x}" textLength="${length}"${look}>${escapeXml(shown.slice(start))}</tspan>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`).replace(/[^\t\x20-\ud7ff]/g, '?');
