import { bitString } from './der.ts';

/** Usages as `certificates.k8s.io` names them, by their bit in a KeyUsage. Rule: RFC 5280 §4.2.1.3. */
const BITS: Readonly<Record<string, number>> = {
  signing: 0,
  'digital signature': 0,
  'content commitment': 1,
  'key encipherment': 2,
  'data encipherment': 3,
  'key agreement': 4,
  'cert sign': 5,
  'crl sign': 6,
  'encipher only': 7,
  'decipher only': 8,
};

/** And those that are an ExtKeyUsage. Rule: RFC 5280 §4.2.1.12. */
const IDENTIFIERS: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0',
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
  'ipsec user': '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
  'microsoft sgc': '1.3.6.1.4.1.311.10.3.3',
  'netscape sgc': '2.16.840.1.113730.4.1',
};

export const KEY_USAGES: readonly string[] = [...Object.keys(BITS), ...Object.keys(IDENTIFIERS)];

/** The object identifiers among these usages, each once, in a fixed order. */
export const extendedUsages = (usages: readonly string[]): string[] => [
  ...new Set(
    Object.keys(IDENTIFIERS).flatMap((name) => (usages.includes(name) ? [IDENTIFIERS[name] ?? ''] : [])),
  ),
];

/** The KeyUsage of these usages, DER; undefined where none of them is a bit of it. */
export function keyUsageBits(usages: readonly string[]): Buffer | undefined {
  const bits = usages.flatMap((usage) => BITS[usage] ?? []);
  if (bits.length === 0) return undefined;
  const last = Math.max(...bits);
  const bytes = Buffer.alloc(Math.floor(last / 8) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return bitString(bytes, 7 - (last & 7));
}
