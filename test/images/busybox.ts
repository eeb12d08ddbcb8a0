/** The image that the tests' Pods run, of the guest's own busybox: a guest reaches no registry. */
import { join } from 'node:path';
import { busyboxArchive } from '#firmware/images/build-images.ts';
import type { Images } from './images.ts';
import type { Shell } from './ssh.ts';

const IMPORT = 'ctr --address /run/coracle/containerd/containerd.sock --namespace k8s.io images import -';

export async function importBusybox(images: Images, shells: readonly Shell[]): Promise<void> {
  const { files } = await images.build('agent');
  const archive = await busyboxArchive(join(files, 'usr/bin/busybox'), images.board.arch);
  for (const shell of shells) await shell.run(IMPORT, archive);
}
