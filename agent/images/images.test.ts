import { describe, expect, it } from 'vitest';
import type { DesiredState } from '#agent/link/cluster.ts';
import { FakeRuntime } from '#agent/runtime/fake/fake-runtime.ts';
import { type ImageAuth, RuntimeError } from '#agent/runtime/runtime.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import type { Pod, Secret } from '#proto/schema/generated/core-v1.ts';
import { Images } from './images.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function setUp(secrets: Readonly<Record<string, Secret>> = {}) {
  const clock = new FakeClock();
  const runtime = new FakeRuntime({ clock });
  const state: DesiredState = {
    complete: true,
    pods: () => [],
    node: () => undefined,
    configMap: () => undefined,
    secret: (namespace, name) => secrets[`${namespace}/${name}`],
    list: () => [],
    onChange: () => () => {},
  };
  const events: string[] = [];
  const images = new Images({ runtime, state, clock });
  const pod: Pod = {
    metadata: { name: 'web', namespace: 'default', uid: 'u' },
    spec: {
      containers: [],
      imagePullSecrets: Object.keys(secrets).map((key) => ({ name: key.split('/')[1] ?? '' })),
    },
  };
  const ensure = (image: string, imagePullPolicy?: string) =>
    images.ensureImage(pod, { image, imagePullPolicy }, (_type, reason, message) => {
      events.push(`${reason}: ${message}`);
    });
  return { clock, runtime, images, pod, events, ensure };
}

describe('Images', () => {
  it('takes what is present', async () => {
    const { runtime, events, ensure } = setUp();
    runtime.addImage('r.io/a:1');
    expect(await ensure('r.io/a:1')).toMatchObject({ ok: true, image: { id: 'sha256:r.io/a:1' } });
    expect(events).toEqual(['Pulled: Container image "r.io/a:1" already present on machine']);
    expect(runtime.calls).toEqual([]);
  });

  it.each<[string, string, string | undefined, boolean]>([
    [
      'it ran from before, where no registry answers',
      'dial tcp: lookup r.io: no such host',
      'sha256:r.io/a:1',
      true,
    ],
    ['it never ran from', 'dial tcp 10.0.0.1:443: i/o timeout', undefined, false],
    [
      'it ran from before, where the registry says no',
      'pull access denied: 403 Forbidden',
      'sha256:r.io/a:1',
      false,
    ],
    ['it ran from before, by its digest', 'network is unreachable', 'r.io/a@sha256:1', true],
    ['it did not run from before', 'connect: connection refused', 'sha256:r.io/a:0', false],
  ])('makes do, or does not, with an image to pull always that %s', async (_, failure, ranFrom, ok) => {
    const { runtime, images, pod, events } = setUp();
    runtime.addImage('r.io/a:1', { digests: ['r.io/a@sha256:1'] });
    runtime.registry.set('r.io/a:1', new RuntimeError('other', failure));
    const wanted = { image: 'r.io/a:1', imagePullPolicy: 'Always', ranFrom };
    const ensure = () => images.ensureImage(pod, wanted, (_type, reason) => events.push(reason));
    expect(await ensure()).toMatchObject({ ok });
    // The same while it is backed off.
    expect(await ensure()).toMatchObject({ ok });
    expect(events.includes('PulledBefore')).toBe(ok);
  });

  it('pulls what is missing, and always what is to be pulled always', async () => {
    const { runtime, events, ensure } = setUp();
    const image = runtime.addImage('r.io/a:1', { sizeBytes: 42 });
    runtime.registry.set('r.io/a:1', image);
    runtime.images.clear();
    expect(await ensure('r.io/a:1')).toMatchObject({ ok: true });
    expect(await ensure('r.io/a:1', 'Always')).toMatchObject({ ok: true });
    expect(runtime.calls).toEqual(['pullImage r.io/a:1', 'pullImage r.io/a:1']);
    expect(events.slice(0, 2)).toEqual([
      'Pulling: Pulling image "r.io/a:1"',
      'Pulled: Successfully pulled image "r.io/a:1" in 0s (0s including waiting). Image size: 42 bytes.',
    ]);
  });

  it('backs off 10 s, 20 s, … after failures', async () => {
    const { clock, runtime, events, ensure } = setUp();
    runtime.registry.set('r.io/a:1', new RuntimeError('not-found', 'rpc error: code = NotFound desc = gone'));
    const message = 'rpc error: code = NotFound desc = gone';
    expect(await ensure('r.io/a:1')).toMatchObject({ ok: false, reason: 'ErrImagePull', message });
    expect(await ensure('r.io/a:1')).toEqual({
      ok: false,
      reason: 'ImagePullBackOff',
      message: `Back-off pulling image "r.io/a:1": ErrImagePull: ${message}`,
      retryAtMs: clock.now() + 10_000,
    });
    expect(events.slice(1)).toEqual([
      `Failed: Failed to pull image "r.io/a:1": ${message}`,
      'Failed: Error: ErrImagePull',
      'BackOff: Back-off pulling image "r.io/a:1"',
    ]);
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      const result = await ensure('r.io/a:1');
      const retryAtMs = result.ok ? 0 : result.retryAtMs;
      waits.push((retryAtMs - clock.now()) / 1000);
      await clock.advance(retryAtMs - clock.now());
      await ensure('r.io/a:1');
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300]);
  });

  it('says what never can be', async () => {
    const { ensure } = setUp();
    expect(await ensure('r.io/a:1', 'Never')).toMatchObject({
      ok: false,
      reason: 'ErrImageNeverPull',
      message: 'Container image "r.io/a:1" is not present with pull policy of Never',
    });
    expect(await ensure('Not An Image')).toMatchObject({ ok: false, reason: 'InvalidImageName' });
  });

  it('shows the pull secret of the registry', async () => {
    const config = {
      auths: { 'r.io': { auth: base64('me:pass:word') }, 'other.io': { auth: base64('x:y') } },
    };
    const secret: Secret = {
      metadata: { name: 'reg' },
      data: { '.dockerconfigjson': base64(JSON.stringify(config)) },
    };
    const { runtime, ensure } = setUp({ 'default/reg': secret });
    const seen: (ImageAuth | undefined)[] = [];
    runtime.pullImage = async (reference, auth) => {
      seen.push(auth);
      return runtime.addImage(reference).id;
    };
    await ensure('r.io/a:1');
    await ensure('elsewhere.io/a:1');
    expect(seen).toEqual([{ username: 'me', password: 'pass:word', serverAddress: 'r.io' }, undefined]);
  });

  it('lets a runtime that is away be known as such', async () => {
    const { runtime, ensure } = setUp();
    runtime.down = true;
    await expect(ensure('r.io/a:1')).rejects.toMatchObject({ kind: 'unavailable' });
  });
});
