import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type Command, Option as Flag } from 'commander';
import { createLogger } from '#proto/meta/log.ts';
import type { Checked, Place } from '#server/backup/backup.ts';
import { BACKUP_PATH } from '#server/backup/backup-handler.ts';
import {
  type CliWorld,
  columns,
  connected,
  type KubeconfigFlags,
  realWorld,
  withKubeconfig,
} from './cluster-command.ts';

interface PlaceFlags {
  readonly passphraseFile?: string;
  readonly s3Endpoint: string;
  readonly s3Region: string;
}

const PLACE = 'a folder, or s3://BUCKET/PREFIX';
const S3_HELP = `
A bucket asks for AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.
The server makes backups on a schedule by itself with --backup-to: see "coracle server --help".`;

/** `coracle backup` and `coracle restore`. */
export function addBackupCommands(program: Command, world: CliWorld = realWorld()): void {
  const backup = withKubeconfig(withPlace(program.command('backup')))
    .summary("save the cluster's objects and keys in one file")
    .description(
      `Saves all objects of a running cluster and the keys of its server, as they are at one instant.
The file has every Secret and the key of the cluster's CA: keep it as you keep those, off the
server's own card, and give it a passphrase where others can read it.`,
    )
    .option('--to <PLACE>', PLACE, '.')
    .addHelpText('after', S3_HELP)
    .action((flags: KubeconfigFlags & PlaceFlags & { to: string }) =>
      connected(world, flags, async (client) => {
        if (!client.stream) throw new Error('this client has no streams');
        const { backup } = await import('#server/backup/backup.ts');
        const saved = await backup.save(await client.stream(BACKUP_PATH), placeOf(flags.to, flags));
        world.out(describe(saved));
        world.out(`\nsaved as ${flags.to.replace(/\/$/, '')}/${saved.name}\n`);
      }),
    );

  // Their options are those of "backup", which takes them wherever they stand.
  backup
    .command('list')
    .description('Lists the backups in a place, the oldest first. Takes the options of "coracle backup".')
    .argument('[PLACE]', PLACE, '.')
    .action(async (place: string, _flags: unknown, command: Command) => {
      const { backup } = await import('#server/backup/backup.ts');
      for (const name of await backup.list(placeOf(place, command.optsWithGlobals<PlaceFlags>())))
        world.out(`${name}\n`);
    });

  backup
    .command('check')
    .description(
      'Reads a backup to its end and tells whether it can be restored. Takes the options of "coracle backup".',
    )
    .argument('<BACKUP>', 'a file, or s3://BUCKET/PREFIX/NAME')
    .action(async (path: string, _flags: unknown, command: Command) => {
      const { backup } = await import('#server/backup/backup.ts');
      const from = placeOf(folderOf(path), command.optsWithGlobals<PlaceFlags>());
      world.out(describe(await backup.check(from, basename(path))));
    });

  withPlace(program.command('restore'))
    .summary('make a server of a backup')
    .description(
      `Makes a server's data of a backup: the same CA, nodes and objects. Run it on the board that is to be the
server, while no server runs there. A damaged backup is refused, and nothing is changed by it.`,
    )
    .argument('<BACKUP>', 'a file, or s3://BUCKET/PREFIX/NAME')
    .option('--data-dir <DIR>', 'where the server will look for it', '/var/lib/coracle')
    .option('--force', 'put aside a cluster that is there already', false)
    .addHelpText('after', S3_HELP)
    .action(async (path: string, flags: PlaceFlags & { dataDir: string; force: boolean }) => {
      const { backup } = await import('#server/backup/backup.ts');
      const log = createLogger('warn');
      const { dataDir, force } = flags;
      const restored = await backup.restore(placeOf(folderOf(path), flags), basename(path), {
        dataDir,
        force,
        log,
      });
      world.out(describe({ ...restored, bytes: 0 }));
      if (restored.aside) world.out(`What was there before is in ${restored.aside}\n`);
      world.out(
        `\nNow start the server:  coracle server${dataDir === '/var/lib/coracle' ? '' : ` --data-dir ${dataDir}`}
Boards look for it where they found the old one: give this board that address, or each of them
the new one with --server. A board that is no more: kubectl delete node ${restored.header.server}\n`,
      );
    });
}

const withPlace = (command: Command): Command =>
  command
    .option('--passphrase-file <FILE>', 'seals the backup, or opens a sealed one')
    .addOption(new Flag('--s3-endpoint <URL>', 'the store of a bucket').default('https://s3.amazonaws.com'))
    .addOption(new Flag('--s3-region <REGION>', 'its region').default('us-east-1'));

function placeOf(place: string, { passphraseFile, s3Endpoint, s3Region }: PlaceFlags): Place {
  const passphrase = passphraseFile ? readFileSync(passphraseFile, 'utf8').trim() : undefined;
  if (passphrase === '') throw new Error(`${passphraseFile} is empty`);
  return {
    place,
    passphrase,
    access: {
      endpoint: s3Endpoint,
      region: s3Region,
      accessKeyId: process.env['AWS_ACCESS_KEY_ID'],
      secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'],
    },
  };
}

/** `dirname` takes two slashes of a URL for one. */
const folderOf = (path: string): string =>
  path.startsWith('s3://') ? path.slice(0, path.lastIndexOf('/')) : dirname(path);

function describe({ header, files, objects, bytes }: Checked): string {
  return columns([
    ['Cluster', header.caHash],
    ['Server', `${header.server}, Coracle ${header.coracle}`],
    ['Made', `${header.createdAt}, at revision ${header.revision}`],
    [
      'Holds',
      `${objects} objects, ${files} files of keys${bytes > 0 ? `, ${Math.ceil(bytes / 1024)} KiB` : ''}`,
    ],
  ]);
}
