/**
 * The one line of a Raspberry Pi's cmdline.txt with these flags in it: each once, and without what contradicts them. Pure. The firmware
 * reads the first line and nothing else, so that there must be no second.
 */
export function bootLineWith(text: string, flags: readonly string[]): string {
  const words = text.split(/\s+/).filter(Boolean);
  const disabled = new Set(
    flags
      .map((flag) => flag.replace('cgroup_enable=', 'cgroup_disable='))
      .filter((flag) => !flags.includes(flag)),
  );
  const kept = words.filter((word) => !disabled.has(word));
  return [...kept, ...flags.filter((flag) => !kept.includes(flag))].join(' ');
}
