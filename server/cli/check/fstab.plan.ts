/** `/etc/fstab` with its swap commented out. Pure. */
export const withoutSwap = (text: string): string =>
  text
    .split('\n')
    .map((line) => (/^\s*[^#\s]\S*\s+\S+\s+swap\s/.test(line) ? `# ${line}` : line))
    .join('\n');
