import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Board } from '../boards/board.ts';
import type { Cluster } from './cluster.ts';

/**
 * Of each Pod of a selector, by name: its containers' ids and restart counts, as the server tells them. Equal before and
 * after means that none was touched.
 */
export async function containersOf(
  cluster: Cluster,
  selector: string,
): Promise<Readonly<Record<string, string>>> {
  const { items } = await cluster.kubectl.json<{ items: Pod[] }>(['get', 'pods', '-l', selector]);
  return Object.fromEntries(
    items.map((pod) => [
      pod.metadata.name ?? '',
      (pod.status?.containerStatuses ?? []).map((c) => `${c.containerID} ${c.restartCount}`).join(', '),
    ]),
  );
}

/** What runs on a board as its runtime sees it: one line a task, with id, pid and state. */
export async function tasksOn(board: Board): Promise<string> {
  const [, ...tasks] = (await board.ctr('tasks', 'ls')).trim().split('\n');
  return tasks.sort().join('\n');
}

/** A running container of an image on a board, as its own runtime tells it; throws while there is none. */
export async function runningOn(board: Board, image: string): Promise<string> {
  const containers = (await board.ctr('containers', 'list'))
    .split('\n')
    .filter((line) => line.includes(image));
  const tasks = (await board.ctr('tasks', 'list')).split('\n').filter((line) => line.includes('RUNNING'));
  const ids = containers.map((line) => line.split(/\s+/)[0] ?? '');
  const found = ids.find((id) => tasks.some((line) => line.startsWith(id)));
  if (!found) throw new Error(`no container of ${image} runs on ${board.name}`);
  return found;
}
