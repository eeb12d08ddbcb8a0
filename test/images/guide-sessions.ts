/** The sessions of `firmware-images/GUIDE.md` that pictures are made of. */
import { rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOST_ARCH } from '#firmware/build/host.ts';
import { run } from '#firmware/build/run.ts';
import { freePort } from '#proto/net/testing/free-port.ts';
import { ADDRESSES, type ImageCluster, patiently, TOKEN } from './cluster.ts';
import type { Machine } from './machine.ts';
import { plain, type Recorder } from './recorder.ts';
import { expect } from './step.ts';
import { CARD_GIB } from './uefi.ts';

export const ROOT = join(import.meta.dirname, '../..');
export const GUIDE = join(ROOT, 'firmware-images/guide');
export const LIMIT_MS = 40 * 60_000;

const SERVER_YAML = ['name: attic', 'role: server', `token: ${TOKEN}`];

/** The image of a Raspberry Pi is built, and put onto a card, for which a loop device stands. */
export async function recordCard(recorder: Recorder, folder: string): Promise<void> {
  writeFileSync(join(folder, 'server.yaml'), `${SERVER_YAML.join('\n')}\n`);
  const typed = 'npm run image -- --board rpi --role server --config server.yaml';
  const output = join(folder, 'rpi');
  const built = await run(
    'npm',
    [
      ...['run', '--silent', 'image', '--', '--board', 'rpi', '--role', 'server'],
      ...['--config', join(folder, 'server.yaml'), '--output', output],
    ],
    { cwd: ROOT },
  );
  recorder.write(
    'image',
    'Build an image',
    `$ cat server.yaml\n${SERVER_YAML.join('\n')}\n# ${typed}\n${built.replaceAll(output, '.cache/images/out')}`,
  );
  const card = join(folder, 'card');
  writeFileSync(card, '');
  truncateSync(card, 8 * 1024 ** 3);
  const device = (await run('losetup', ['--find', '--show', card])).trim();
  try {
    await run('bash', ['-c', `cd ${output} && xzcat coracle-*-rpi-server.img.xz > ${device}`]);
    const table = await run('fdisk', ['-l', '-o', 'Device,Boot,Start,Size,Type', device]);
    const files = await run('mdir', ['-i', `${device}@@4M`, '::']);
    const flash = [
      `# xzcat .cache/images/out/coracle-*-rpi-server.img.xz > ${device}`,
      `# fdisk -l ${device}`,
      table
        .trim()
        .split('\n')
        .filter((line) => /^(Disk \/|Device|\/dev)/.test(line))
        .join('\n'),
      `# mdir -i ${device}@@4M`,
      files.trim(),
    ];
    recorder.write('flash', 'Flash a card', flash.join('\n'));
  } finally {
    await run('losetup', ['-d', device]);
    rmSync(card);
  }
}

/** From the boot loader on. */
export function consoleOf(text: string): string {
  const lines = plain(text)
    .split('\n')
    .filter((line) => line.trim() !== '');
  return lines.map((line) => line.replace(/^.*?(\[ *\d+\.\d+\])/, '$1')).join('\n');
}

/**
 * The host is no part of the boards' network: commands reach it through the server's ssh, as a SOCKS proxy, and so are what a
 * person types.
 */
export async function recordUse(
  recorder: Recorder,
  to: Pick<ImageCluster, 'shell' | 'fetchKubeconfig' | 'kubeconfig'>,
  folder: string,
): Promise<void> {
  const port = await freePort();
  const proxy = to.shell.proxy(port);
  try {
    await recordCommands(recorder, to, folder, port);
  } finally {
    proxy.kill();
  }
}

async function recordCommands(
  recorder: Recorder,
  to: Pick<ImageCluster, 'fetchKubeconfig' | 'kubeconfig'>,
  folder: string,
  port: number,
): Promise<void> {
  const socks = `socks5h://127.0.0.1:${port}`;
  await patiently(60_000, () =>
    run('curl', ['-sk', '--proxy', socks, `https://${ADDRESSES.server}:6443/livez`]),
  );
  await to.fetchKubeconfig();
  const config = await run('sed', ['-e', `s/127.0.0.1:[0-9]*/${ADDRESSES.server}:6443/`, to.kubeconfig]);
  writeFileSync(join(folder, 'kubeconfig.yaml'), config, { mode: 0o600 });
  const bin = join(folder, 'bin');
  await run('mkdir', ['-p', bin]);
  await run('ln', ['-sf', join(ROOT, '.cache/kubectl', HOST_ARCH, 'kubectl'), join(bin, 'kubectl')]);
  recorder.env = {
    PATH: `${bin}:${process.env['PATH']}`,
    KUBECONFIG: join(folder, 'kubeconfig.yaml'),
    HTTPS_PROXY: socks,
    ALL_PROXY: socks,
  };
  await recorder.session('nodes', 'The boards are there', [
    'export KUBECONFIG=kubeconfig.yaml',
    'kubectl get nodes',
    'kubectl top nodes',
  ]);
  await recorder.type('kubectl create deployment warm-up --image=coracle.local/hello:1');
  await recorder.type('kubectl delete deployment warm-up');
  const ready = 'kubectl wait --for=condition=Available deployment/hello --timeout=20m';
  const start = [
    'kubectl create deployment hello --image=coracle.local/hello:1 --replicas=2',
    'kubectl expose deployment hello --type=LoadBalancer --port=80 --target-port=8080',
    ready,
    'kubectl get pods -l app=hello -o custom-columns=POD:.metadata.name,BOARD:.spec.nodeName',
    'kubectl get service hello',
    `curl -s http://${ADDRESSES.agent}`,
  ];
  await recorder.session('service', 'A service runs', start);
  const image = join(GUIDE, 'browser.png');
  await run('chromium', [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--window-size=840,320'],
    ...[`--proxy-server=socks5://127.0.0.1:${port}`, '--virtual-time-budget=60000', `--screenshot=${image}`],
    `http://${ADDRESSES.agent}/`,
  ]);
  expect(statSync(image).size < 60_000, `${image} is too large`);
}

/** What the card says when `coracle.yaml` can't be. */
export async function recordMistake(recorder: Recorder, agent: Machine, disk: string): Promise<void> {
  await agent.cutPower();
  const status = await agent.readBootFile('CORACLE-STATUS.txt');
  const wrong = ['name: Kitchen_1', 'role: agent', 'token: abcdef', 'wifi: { ssid: home }'];
  await agent.flash(disk, CARD_GIB, `${wrong.join('\n')}\n`);
  agent.powerOn();
  const errors = await patiently(
    LIMIT_MS,
    async () => {
      const found = await agent.readBootFile('CORACLE-ERRORS.txt');
      expect(found !== undefined, 'there is no CORACLE-ERRORS.txt');
      return found;
    },
    2000,
  );
  await agent.cutPower();
  const text = [
    ...['$ cat CORACLE-STATUS.txt', status?.trim(), '', '$ cat coracle.yaml', ...wrong, ''],
    ...['$ cat CORACLE-ERRORS.txt', errors],
  ];
  recorder.write('answers', 'What a board writes onto its card', text.join('\n'));
}
