interface Parsed {
  readonly stage: number;
  readonly major: number;
  readonly minor: number;
}

const STAGES = ['alpha', 'beta', ''];

function parse(version: string): Parsed | undefined {
  const parts = /^v([0-9]+)(?:(alpha|beta)([0-9]+))?$/.exec(version);
  return parts
    ? { stage: STAGES.indexOf(parts[2] ?? ''), major: Number(parts[1]), minor: Number(parts[3] ?? 0) }
    : undefined;
}

/**
 * The order in which clients should prefer versions: v2, v1, v1beta2, v1beta1, v1alpha1, then all that are none of
 * these by name. Rule: apimachinery `version.CompareKubeAwareVersionStrings`.
 */
export function compareVersions(a: string, b: string): number {
  const left = parse(a);
  const right = parse(b);
  if (!left && !right) return a === b ? 0 : a < b ? -1 : 1;
  if (!left) return 1;
  if (!right) return -1;
  return right.stage - left.stage || right.major - left.major || right.minor - left.minor;
}
