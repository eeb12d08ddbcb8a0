/** The bill of materials: CycloneDX 1.6 JSON. No times, no random serial number: the same image has the same bill. */

export interface BomInput {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
  readonly debian: readonly { readonly name: string; readonly version: string }[];
  /** npm packages that our bundles are made of, from the lock file. */
  readonly npm: readonly {
    readonly name: string;
    readonly version: string;
    readonly license: string | undefined;
  }[];
  readonly nodeVersion: string;
}

/** As text, sorted by purl, each component once. */
export function planBom(input: BomInput): string {
  const { name, version, arch, debian, npm, nodeVersion } = input;
  const components = [
    ...debian.map((p) => component(p.name, p.version, debPurl(p.name, p.version, arch))),
    ...npm.map((p) => component(p.name, p.version, npmPurl(p.name, p.version), p.license)),
    component('node', nodeVersion, `pkg:generic/node@${nodeVersion}`, 'MIT'),
    component('coracle', version, `pkg:generic/coracle@${version}`, 'Apache-2.0'),
  ];
  const once = new Map(components.map((entry) => [entry.purl, entry]));
  return `${JSON.stringify(
    {
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      version: 1,
      metadata: { component: { type: 'operating-system', 'bom-ref': name, name, version } },
      components: [...once.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1)),
    },
    null,
    1,
  )}\n`;
}

function component(name: string, version: string, purl: string, license?: string) {
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    ...(license ? { licenses: [{ expression: license }] } : {}),
  };
}

const debPurl = (name: string, version: string, arch: string): string =>
  `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${arch}`;

const npmPurl = (name: string, version: string): string =>
  `pkg:npm/${name.split('/').map(encodeURIComponent).join('/')}@${version}`;
