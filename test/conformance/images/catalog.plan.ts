/**
 * The images of Kubernetes 1.36's conformance tests, rebuilt here: SUBSTITUTES under upstream's names, none of them
 * upstream's own. Programs of the suite come from its Go modules, everything else from Debian packages. What is missing:
 * a CoreDNS in agnhost, the file system of agnhost's own registry, every image that only tests outside the conformance
 * suite use. Names and tags: `k8s.io/kubernetes/test/utils/image/manifest.go`, or `e2e.test --list-images`.
 */
import type { ImageConfig } from '#firmware/images/oci.plan.ts';

/** A file or a link in a layer; `from` names a file below the module `k8s.io/kubernetes`. */
export type LayerFile =
  | { readonly path: string; readonly text: string; readonly mode?: number }
  | { readonly path: string; readonly from: string }
  | { readonly path: string; readonly link: string }
  | { readonly path: string; readonly directory: true; readonly mode?: number };

/** One layer of an image: Debian packages unpacked, or programs and files. */
export interface Layer {
  /** Packages and what they depend on. */
  readonly debian?: readonly string[];
  /** Links of all applets of the busybox in the layer. */
  readonly applets?: boolean;
  /** Go packages, and where their programs lie in the image. */
  readonly go?: readonly { readonly package: string; readonly path: string; readonly mode?: number }[];
  /** C sources of firmware-images. */
  readonly pause?: boolean;
  readonly files?: readonly LayerFile[];
}

export interface ImageRecipe {
  /** Full names: one image may stand in for several. */
  readonly names: readonly string[];
  /** Names of layers, the lowest first. */
  readonly layers: readonly LayerName[];
  readonly config: ImageConfig;
}

const E2E = 'registry.k8s.io/e2e-test-images';
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const IMAGES = 'test/images';

const USERS = [
  'root:x:0:0:root:/root:/bin/sh',
  'nobody:x:65534:65534:nobody:/:/bin/false',
  // A test of supplementary groups reads them from the image.
  'user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh',
];
const GROUPS = [
  'root:x:0:',
  'nogroup:x:65534:',
  'user-defined-in-image:x:1000:',
  'group-defined-in-image:x:50000:user-defined-in-image',
];

/** A picture and the file that names it, as `test-webserver` serves them from its working directory. */
const picture = (name: string): readonly LayerFile[] =>
  [`${name}.jpg`, 'data.json'].map((file) => ({ path: file, from: `${IMAGES}/${name}/html/${file}` }));

const layers = {
  // Dynamic: Debian's static busybox crashes when it looks a name up.
  base: {
    debian: ['busybox', 'base-files', 'libc6'],
    applets: true,
    files: [
      ...['dev', 'etc', 'proc', 'sys', 'root', 'var', 'home'].map(
        (path): LayerFile => ({ path, directory: true }),
      ),
      { path: 'tmp', directory: true, mode: 0o1777 },
      { path: 'etc/passwd', text: `${USERS.join('\n')}\n` },
      { path: 'etc/group', text: `${GROUPS.join('\n')}\n` },
      { path: 'etc/nsswitch.conf', text: 'hosts: files dns\n' },
    ],
  },
  tools: {
    debian: ['bash', 'bind9-dnsutils', 'curl', 'netcat-openbsd', 'iproute2', 'iperf', 'libc-bin', 'hostname'],
    // What Debian leaves to its alternatives.
    files: [
      { path: 'usr/bin/nc', link: 'nc.openbsd' },
      { path: 'usr/local/bin/iperf', link: '/usr/bin/iperf' },
    ],
  },
  agnhost: {
    go: [{ package: 'k8s.io/kubernetes/test/images/agnhost', path: 'agnhost' }],
    files: [
      { path: 'agnhost-2', link: 'agnhost' },
      { path: 'uploads', directory: true },
      { path: 'localhost.crt', from: `${IMAGES}/agnhost/porter/localhost.crt` },
      { path: 'localhost.key', from: `${IMAGES}/agnhost/porter/localhost.key` },
    ],
  },
  // Debian's busybox (1.35, and 1.37 too) keeps a variable like `data-1` from what its shell starts, and tests look for some.
  // The price: one test wants busybox's own words for a file system that is read-only.
  shell: { debian: ['bash'], files: [{ path: 'usr/bin/sh', link: 'bash' }] },
  pause: { pause: true },
  nautilus: { files: picture('nautilus') },
  // A test of image volumes reads a picture's name and the distribution's from it.
  kitten: {
    files: [
      ...picture('kitten'),
      { path: 'etc', directory: true },
      { path: 'etc/os-release', text: 'NAME="Alpine Linux"\nID=alpine\n' },
    ],
  },
  website: {
    files: [
      { path: 'usr/share/nginx', directory: true },
      { path: 'usr/share/nginx/html', directory: true },
      {
        path: 'usr/share/nginx/html/index.html',
        text: '<html><head><title>Welcome to nginx!</title></head><body>A substitute.</body></html>\n',
      },
    ],
  },
  nonewprivs: {
    go: [{ package: 'k8s.io/kubernetes/test/images/nonewprivs', path: 'usr/local/bin/nnp', mode: 0o4755 }],
  },
  'sample-apiserver': { go: [{ package: 'k8s.io/sample-apiserver', path: 'sample-apiserver' }] },
  etcd: {
    debian: ['etcd-server'],
    files: [{ path: 'usr/local/bin/etcd', link: '/usr/bin/etcd' }],
  },
} as const satisfies Readonly<Record<string, Layer>>;

export type LayerName = keyof typeof layers;
export const LAYERS: Readonly<Record<LayerName, Layer>> = layers;

const agnhost: ImageConfig = {
  Entrypoint: ['/agnhost'],
  Cmd: ['pause'],
  Env: [PATH],
  WorkingDir: '/',
};

export const RECIPES: readonly ImageRecipe[] = [
  {
    names: [`${E2E}/busybox:1.37.0-1`, `${E2E}/busybox:1.36.1-1`],
    layers: ['base', 'shell'],
    config: { Cmd: ['sh'], Env: [PATH] },
  },
  {
    names: [`${E2E}/agnhost:2.63.0`],
    layers: ['base', 'tools', 'agnhost'],
    config: agnhost,
  },
  // Another digest than the newer one, as rollouts expect.
  {
    names: [`${E2E}/agnhost:2.55`],
    layers: ['base', 'tools', 'agnhost'],
    config: { ...agnhost, Env: [PATH, 'AGNHOST=2.55'] },
  },
  {
    names: ['registry.k8s.io/pause:3.10.2', 'registry.k8s.io/pause:3.10.1', 'registry.k8s.io/pause:3.10'],
    layers: ['pause'],
    config: { Entrypoint: ['/pause'], User: '65535:65535' },
  },
  ...['1.15-4', '1.27-0'].map(
    (tag): ImageRecipe => ({
      names: [`${E2E}/nginx:${tag}`],
      layers: ['base', 'website'],
      config: {
        Cmd: ['httpd', '-f', '-p', '80', '-h', '/usr/share/nginx/html'],
        Env: [PATH, `NGINX_VERSION=${tag}`],
        ExposedPorts: { '80/tcp': {} },
      },
    }),
  ),
  ...(['nautilus', 'kitten'] as const).map(
    (name): ImageRecipe => ({
      names: [`${E2E}/${name}:1.8`],
      layers: ['base', 'tools', 'agnhost', name],
      config: { ...agnhost, Cmd: ['test-webserver'] },
    }),
  ),
  {
    names: [`${E2E}/nonroot:1.5`],
    layers: ['base'],
    config: { Cmd: ['sh'], Env: [PATH], User: '1234' },
  },
  {
    names: [`${E2E}/nonewprivs:1.4`],
    layers: ['base', 'nonewprivs'],
    config: { Cmd: ['nnp'], Env: [PATH] },
  },
  {
    names: [`${E2E}/glibc-dns-testing:2.0.0`],
    layers: ['base', 'tools'],
    config: { Cmd: ['sh'], Env: [PATH] },
  },
  {
    names: [`${E2E}/sample-apiserver:1.29.2`],
    layers: ['base', 'sample-apiserver'],
    config: { Entrypoint: ['/sample-apiserver'], Env: [PATH] },
  },
  {
    names: ['registry.k8s.io/etcd:3.6.8-0'],
    layers: ['base', 'etcd'],
    config: { Cmd: ['etcd'], Env: [PATH] },
  },
];

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** The configuration of an image, as OCI writes it. */
export const imageConfig = (architecture: string, config: ImageConfig, diffIds: readonly string[]) => ({
  created: '1970-01-01T00:00:00Z',
  architecture,
  os: 'linux',
  config,
  rootfs: { type: 'layers', diff_ids: diffIds },
  history: diffIds.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'coracle' })),
});

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** The manifest over a configuration and its layers. */
export const imageManifest = (config: Descriptor, layers: readonly Descriptor[]) => ({
  schemaVersion: 2,
  mediaType: MANIFEST,
  config,
  layers,
});

/** `registry.k8s.io/e2e-test-images/busybox:1.37.0-1` in its parts. */
export function parseReference(name: string): { registry: string; repository: string; tag: string } {
  const [, registry = '', repository = '', tag = ''] = /^([^/]+)\/(.+):([^:/]+)$/.exec(name) ?? [];
  if (tag === '') throw new Error(`not a full image name: ${name}`);
  return { registry, repository, tag };
}
