/** What a namespace's labels say about its Pods. Rule: upstream's `pod-security-admission/api`. */
import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';

export type Level = 'privileged' | 'baseline' | 'restricted';
const LEVELS: readonly Level[] = ['privileged', 'baseline', 'restricted'];

export interface LevelVersion {
  readonly level: Level;
  /** `latest`, or the minor version of `v1.x`. */
  readonly version: 'latest' | number;
}

export interface Policy {
  readonly enforce: LevelVersion;
  readonly audit: LevelVersion;
  readonly warn: LevelVersion;
}

export const PREFIX = 'pod-security.kubernetes.io/';
const PRIVILEGED: LevelVersion = { level: 'privileged', version: 'latest' };

/** `restricted:latest`, `baseline:v1.24` */
export const printLevel = ({ level, version }: LevelVersion): string =>
  `${level}:${version === 'latest' ? version : `v1.${version}`}`;

/** How much stricter `a` is than `b`: positive, zero or negative. */
export const compareLevels = (a: Level, b: Level): number => LEVELS.indexOf(a) - LEVELS.indexOf(b);

/**
 * The policy of a namespace, and what is wrong with its labels. A level to enforce that can't be read is the strictest
 * one; to warn or to note, none.
 */
export function policyOf(labels: Readonly<Record<string, string>> = {}): {
  readonly policy: Policy;
  readonly errors: readonly FieldError[];
} {
  const errors: FieldError[] = [];
  const fail = (key: string, value: string, text: string): void =>
    void errors.push(invalidValue(`metadata.labels[${PREFIX}${key}]`, value, text));
  const read = (mode: keyof Policy, fallback: Level): LevelVersion => ({
    level: readLevel(labels[PREFIX + mode], fallback, (value, text) => fail(mode, value, text)),
    version: readVersion(labels[`${PREFIX}${mode}-version`], (value, text) =>
      fail(`${mode}-version`, value, text),
    ),
  });
  const policy = {
    enforce: read('enforce', 'restricted'),
    audit: read('audit', 'privileged'),
    warn: read('warn', 'privileged'),
  };
  return { policy: { ...policy, warn: warningLevel(labels, policy) }, errors };
}

/** Who enforces a level and says nothing about warnings is warned of the same. */
function warningLevel(labels: Readonly<Record<string, string>>, { enforce, warn }: Policy): LevelVersion {
  const isEnforced = LEVELS.some((level) => level === labels[`${PREFIX}enforce`]);
  if (labels[`${PREFIX}warn`] !== undefined || !isEnforced) return warn;
  if (compareLevels(enforce.level, warn.level) <= 0) return warn;
  const version = labels[`${PREFIX}warn-version`] === undefined ? enforce.version : warn.version;
  return { level: enforce.level, version };
}

function readLevel(
  text: string | undefined,
  fallback: Level,
  fail: (value: string, text: string) => void,
): Level {
  if (text === undefined) return PRIVILEGED.level;
  const level = LEVELS.find((one) => one === text);
  if (!level) fail(text, `must be one of ${LEVELS.join(', ')}`);
  return level ?? fallback;
}

function readVersion(
  text: string | undefined,
  fail: (value: string, text: string) => void,
): LevelVersion['version'] {
  if (text === undefined || text === 'latest') return 'latest';
  const minor = /^v1\.([0-9]|[1-9][0-9]*)$/.exec(text)?.[1];
  if (minor === undefined) fail(text, 'must be "latest" or "v1.x"');
  return minor === undefined ? 'latest' : Number(minor);
}
