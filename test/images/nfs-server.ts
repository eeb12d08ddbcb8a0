/**
 * A server of NFSv4 on loopback, in this machine's user space, with a folder that it exports. Debian's programs are unpacked
 * into a folder of their own: installed, they would begin to serve whoever asks.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#firmware/build/run.ts';
import { eventually } from '../support/boards/eventually.ts';

const PACKAGES = ['nfs-ganesha', 'nfs-ganesha-vfs'];
const LIBRARIES = `usr/lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu`;

export class NfsServer {
  readonly #child: ChildProcess;
  /** What clients find as `EXPORTED`. */
  readonly exportFolder: string;

  private constructor(child: ChildProcess, exportFolder: string) {
    this.#child = child;
    this.exportFolder = exportFolder;
  }

  /** `programs` outlives a run, `folder` does not. */
  static async start(
    programs: string,
    folder: string,
    port: number,
    say: (line: string) => void,
  ): Promise<NfsServer> {
    await unpack(programs, say);
    const exportFolder = join(folder, 'export');
    const log = join(folder, 'nfs.log');
    for (const path of [exportFolder, join(folder, 'nfs')]) await mkdir(path, { recursive: true });
    const config = join(folder, 'nfs.conf');
    await writeFile(config, configOf({ programs, folder, exportFolder, port }));
    const child = spawn(
      join(programs, 'usr/bin/ganesha.nfsd'),
      ['-F', '-f', config, '-L', log, '-p', join(folder, 'nfs.pid'), '-N', 'NIV_EVENT'],
      {
        stdio: 'ignore',
        env: { LD_LIBRARY_PATH: [LIBRARIES, 'usr/lib/ganesha'].map((at) => join(programs, at)).join(':') },
      },
    );
    const server = new NfsServer(child, exportFolder);
    await eventually(async () => {
      const said = await readFile(log, 'utf8').catch(() => '');
      if (child.exitCode !== null) throw new Error(`the NFS server has ended:\n${said.slice(-2000)}`);
      return said.includes('NFS SERVER INITIALIZED');
    });
    return server;
  }

  /** Connections are taken as before, by the kernel; nothing is answered. */
  fallSilent(): void {
    this.#child.kill('SIGSTOP');
  }

  speakAgain(): void {
    this.#child.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }
}

export const EXPORTED = '/data';

const configOf = (at: {
  readonly programs: string;
  readonly folder: string;
  readonly exportFolder: string;
  readonly port: number;
}): string => `
NFS_CORE_PARAM {
  Protocols = 4; NFS_Port = ${at.port}; Bind_addr = 127.0.0.1;
  Enable_NLM = false; Enable_RQUOTA = false;
  Plugins_Dir = "${join(at.programs, LIBRARIES, 'ganesha')}";
}
NFSV4 {
  Graceless = true; RecoveryBackend = fs; RecoveryRoot = "${join(at.folder, 'nfs')}";
  Only_Numeric_Owners = true; UseGetpwnam = true;
  # Its READ_PLUS of 4.2 gives zeros where the bytes are.
  Minor_Versions = 1;
}
EXPORT {
  Export_Id = 1; Path = "${at.exportFolder}"; Pseudo = ${EXPORTED};
  Access_Type = RW; Squash = No_Root_Squash; SecType = sys; Protocols = 4; Transports = TCP;
  FSAL { Name = VFS; }
}
`;

async function unpack(programs: string, say: (line: string) => void): Promise<void> {
  if (existsSync(programs)) return;
  say(`   Debian packages, not installed: ${PACKAGES.join(' ')}`);
  const archives = `${programs}.debs`;
  await mkdir(join(archives, 'partial'), { recursive: true });
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['-qq', 'update'], { env }).catch(() => {});
  const options = ['-o', `Dir::Cache::archives=${archives}`, '-o', 'DPkg::Lock::Timeout=300'];
  await run(
    'apt-get',
    ['-qq', ...options, 'install', '--download-only', '-y', '--no-install-recommends', ...PACKAGES],
    { env },
  );
  const draft = `${programs}.draft`;
  for (const file of await readdir(archives))
    if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', join(archives, file), draft]);
  await rename(draft, programs);
}
