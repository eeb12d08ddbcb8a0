export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'PRIVATE KEY';

export function toPem(label: PemLabel, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** DER of the first block with this label; throws where there is none. */
export function fromPem(label: PemLabel, pem: string): Buffer {
  const match = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`).exec(pem);
  if (!match?.[1]) throw new Error(`no ${label} in PEM form`);
  return Buffer.from(match[1].replace(/\s/g, ''), 'base64');
}

/** All blocks, whatever their labels, in order. */
export const pemBlocks = (pem: string): { readonly label: string; readonly der: Buffer }[] =>
  [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----\s+([A-Za-z0-9+/=\s]*)-----END \1-----/g)].map(
    ([, label = '', body = '']) => ({ label, der: Buffer.from(body.replace(/\s/g, ''), 'base64') }),
  );
