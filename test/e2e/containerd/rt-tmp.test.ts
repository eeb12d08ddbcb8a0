import { ContainerdRuntime } from '#agent/runtime/containerd/driver.ts';
import { describeRuntime } from '#agent/runtime/runtime.case.ts';

describeRuntime('containerd', async () => ({
  runtime: new ContainerdRuntime('/tmp/rt/c1/sock'),
  image: 'coracle.test/busybox:1',
  directory: '/tmp/rt',
}));
