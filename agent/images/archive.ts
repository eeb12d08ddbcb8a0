import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Puts the images of an OCI (or docker) archive on the board, where CRI sees them: through containerd's own `ctr`, because CRI has
 * no call for it. Images of another architecture are left out, unless `allPlatforms`. Idempotent. Gives their names.
 */
export async function importImageArchive(
  path: string,
  options: { readonly socketPath: string; readonly allPlatforms?: boolean },
): Promise<readonly string[]> {
  const args = ['--address', options.socketPath, '--namespace', 'k8s.io', 'images', 'import'];
  if (options.allPlatforms) args.push('--all-platforms');
  try {
    const { stdout } = await run('ctr', [...args, path], { timeout: 5 * 60_000 });
    return [...stdout.matchAll(/^unpacking (\S+) /gm)].map((match) => match[1] ?? '');
  } catch (err) {
    const stderr = (err as { stderr?: string }).stderr?.trim();
    throw new Error(
      `importing the images of ${path}: ${stderr || (err instanceof Error ? err.message : err)}`,
      {
        cause: err,
      },
    );
  }
}
