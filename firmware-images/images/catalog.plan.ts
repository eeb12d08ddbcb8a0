import { ascii, type Entry, type ImageSpec } from './oci.plan.ts';

/** As Go and the OCI specification call them. */
export type Architecture = 'amd64' | 'arm64';

/** A program compiled from the C sources beside this file. */
export interface Program {
  readonly source: 'pause.c' | 'hello.c';
  /** `-D` macros. */
  readonly defines: Readonly<Record<string, string>>;
}

/** An image that a board brings along, since it may never see a registry. */
export interface ImageRecipe {
  /** Names the tar: `pause.tar`. */
  readonly file: string;
  readonly program: Program;
  readonly spec: (binary: Uint8Array, architecture: Architecture) => ImageSpec;
}

const executable = (path: string, content: Uint8Array): Entry => ({
  path,
  kind: 'file',
  content,
  mode: 0o755,
});

const hello = (version: string, defines: Readonly<Record<string, string>>): ImageRecipe => ({
  file: `hello-${version}`,
  program: { source: 'hello.c', defines: { VERSION: `"${version}"`, ...defines } },
  spec: (binary, architecture) => ({
    name: `coracle.local/hello:${version}`,
    architecture,
    config: { Entrypoint: ['/hello'], User: '65532:65532', ExposedPorts: { '8080/tcp': {} } },
    entries: [executable('hello', binary)],
  }),
});

/** The images of every board. The second hello is there to try a rollout with. */
export const IMAGES: readonly ImageRecipe[] = [
  {
    file: 'pause',
    program: { source: 'pause.c', defines: {} },
    spec: (binary, architecture) => ({
      name: 'coracle.local/pause:1',
      architecture,
      config: { Entrypoint: ['/pause'], User: '65535:65535' },
      entries: [executable('pause', binary)],
    }),
  },
  hello('1', {}),
  hello('2', { GREETING: '"Hello again, from a newer version!"' }),
];

/** A shell image for tests, from a static busybox of the machine's own architecture. */
export function planBusyboxImage(
  binary: Uint8Array,
  applets: readonly string[],
  architecture: Architecture,
): ImageSpec {
  const directories = ['bin', 'dev', 'etc', 'home', 'proc', 'root', 'sys', 'usr', 'var', 'var/www'];
  return {
    name: 'coracle.local/busybox:1',
    architecture,
    config: {
      Cmd: ['sh'],
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    },
    entries: [
      ...directories.map((path): Entry => ({ path, kind: 'directory' })),
      { path: 'tmp', kind: 'directory', mode: 0o1777 },
      executable('bin/busybox', binary),
      ...applets
        .filter((applet) => applet !== 'busybox')
        .map((applet): Entry => ({ path: `bin/${applet}`, kind: 'symlink', target: 'busybox' })),
      { path: 'sbin', kind: 'symlink', target: 'bin' },
      { path: 'usr/bin', kind: 'symlink', target: '../bin' },
      {
        path: 'etc/passwd',
        kind: 'file',
        content: ascii(
          'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
        ),
      },
      {
        path: 'etc/group',
        kind: 'file',
        content: ascii('root:x:0:\napp:x:1000:\nnogroup:x:65534:\n'),
      },
    ],
  };
}
