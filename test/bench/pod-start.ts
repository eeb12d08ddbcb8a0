/** How long a Pod takes from the request to Running, against the same three CRI calls without Kubernetes around them. */
import { randomUUID } from 'node:crypto';
import { ContainerdRuntime } from '#agent/runtime/containerd/driver.ts';
import { aContainer, aSandbox } from '#agent/runtime/fake/configs.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Board } from '../support/boards/board.ts';
import type { Api } from '../support/cluster/api.ts';

const IMAGE = 'coracle.local/hello:1';
const PODS = '/api/v1/namespaces/default/pods';

/** Sandbox, container, start, over a connection that is open: what any kubelet has to pay on this machine. */
export class CriFloor implements Disposable {
  readonly #runtime: ContainerdRuntime;

  constructor(board: Board) {
    this.#runtime = new ContainerdRuntime(board.containerdSocket);
  }

  async startMs(): Promise<number> {
    const runtime = this.#runtime;
    const sandbox = aSandbox({ name: `floor-${randomUUID()}`, uid: randomUUID() });
    const since = performance.now();
    const sandboxId = await runtime.runSandbox(sandbox);
    try {
      const id = await runtime.createContainer(sandboxId, aContainer({ image: IMAGE }), sandbox);
      await runtime.startContainer(id);
      return performance.now() - since;
    } finally {
      await runtime.stopSandbox(sandboxId);
      await runtime.removeSandbox(sandboxId);
    }
  }

  [Symbol.dispose](): void {
    this.#runtime[Symbol.dispose]();
  }
}

/** From the POST until a watch says Running; the node is given, as the scheduler is not what is measured. */
export async function podStartMs(api: Api, board: Board): Promise<number> {
  const name = `bench-${randomUUID().slice(0, 8)}`;
  const running = Promise.withResolvers<number>();
  const stop = await api.watch<Pod>(`${PODS}?fieldSelector=metadata.name%3D${name}`, (_type, pod) => {
    if (pod.status?.phase === 'Running') running.resolve(performance.now());
  });
  const since = performance.now();
  try {
    const answer = await api.create(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        nodeName: board.name,
        terminationGracePeriodSeconds: 0,
        automountServiceAccountToken: false,
        containers: [{ name: 'main', image: IMAGE, imagePullPolicy: 'IfNotPresent' }],
      },
    });
    if (answer.status !== 201) throw new Error(`create pod: ${answer.text}`);
    const limit = setTimeout(
      () => running.reject(new Error(`pod ${name} is not Running within 60 s`)),
      60_000,
    );
    const at = await running.promise;
    clearTimeout(limit);
    return at - since;
  } finally {
    stop();
    await api.send('DELETE', `${PODS}/${name}?gracePeriodSeconds=0`);
  }
}
