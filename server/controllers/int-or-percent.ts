/** `3`, `"3"` or `"25%"` of `total`. Rule: apimachinery `intstr.GetScaledValueFromIntOrPercent`. */
export function resolveIntOrPercent(
  value: number | string | undefined,
  total: number,
  round: 'up' | 'down',
): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  if (percent === undefined) return Number.parseInt(value, 10) || 0;
  const exact = (Number(percent) * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}
