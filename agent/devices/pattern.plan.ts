/** What `--device` takes. Pure. */

/** `NAME=PATH`, with `*` and `?` in the path's last part. Throws an Error that says what would be right. */
export function parseOwnDevice(text: string): { readonly kind: string; readonly pattern: string } {
  const [kind = '', pattern = ''] = text.split('=', 2).map((part) => part.trim());
  if (!/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(kind))
    throw new Error(`"${kind}" is not a name: lower case letters, digits, '-' and '.'`);
  if (!/^\/[^*?]*\/[^/]+$/.test(pattern))
    throw new Error(`"${pattern}" is not the path of devices, such as /dev/serial/by-id/*Zigbee*`);
  return { kind, pattern };
}

/** `NAME=COUNT`. Throws an Error. */
export function parseShare(text: string): { readonly kind: string; readonly count: number } {
  const [kind = '', count = ''] = text.split('=', 2).map((part) => part.trim());
  if (!/^[0-9]{1,4}$/.test(count)) throw new Error(`"${text}" is not NAME=COUNT, such as gpio=4`);
  return { kind, count: Number(count) };
}

/** A shell's pattern of a single name. */
export const expandPattern = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  );
