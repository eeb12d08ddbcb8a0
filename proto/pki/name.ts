import { type DerElement, DerError, oid, readChildren, readOid, sequence, setOf, utf8String } from './der.ts';

/** A distinguished name as Kubernetes uses it: the user, and the groups. */
export interface DistinguishedName {
  readonly commonName: string;
  readonly organizations?: readonly string[];
}

const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';

export function encodeName({ commonName, organizations = [] }: DistinguishedName): Buffer {
  const attribute = (type: string, value: string): Buffer => setOf(sequence(oid(type), utf8String(value)));
  return sequence(
    ...organizations.map((organization) => attribute(ORGANIZATION, organization)),
    attribute(COMMON_NAME, commonName),
  );
}

/** Throws for a name with two common names: readers would disagree on who it is. */
export function decodeName(element: DerElement): Required<DistinguishedName> {
  let commonName = '';
  const organizations: string[] = [];
  for (const set of readChildren(element)) {
    for (const attribute of readChildren(set)) {
      const [type, value] = readChildren(attribute);
      if (!type || !value) continue;
      if (readOid(type) === COMMON_NAME) {
        if (commonName) throw new DerError('a second common name');
        commonName = value.contents.toString('utf8');
      }
      if (readOid(type) === ORGANIZATION) organizations.push(value.contents.toString('utf8'));
    }
  }
  return { commonName, organizations };
}
