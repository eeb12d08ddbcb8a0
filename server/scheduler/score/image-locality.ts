import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Cluster } from '../cluster.plan.ts';
import { MAX_SCORE, type Score } from './score.ts';

const MB = 1024 * 1024;
/** Less is not worth a preference; more, for each container, is no more of one. Upstream's thresholds. */
const LEAST_BYTES = 23 * MB;
const MOST_BYTES = 1000 * MB;

/**
 * Where the Pod's images are already, the larger the better: nothing to pull over a slow link. An image that few nodes have
 * counts less, so that they don't draw all Pods.
 */
export const imageLocality: Score = {
  name: 'ImageLocality',
  weight: 1,
  scores: ({ pod }, fitting, cluster) => {
    const images = knownImages(pod, cluster);
    if (images.length === 0) return undefined;
    const { initContainers, containers } = pod.spec;
    const most = MOST_BYTES * (containers.length + (initContainers?.length ?? 0));
    return fitting.map((node) => {
      let bytes = 0;
      for (const [name, spread] of images) bytes += Math.trunc((node.images.get(name) ?? 0) * spread);
      const within = Math.min(most, Math.max(LEAST_BYTES, bytes));
      return Math.trunc((MAX_SCORE * (within - LEAST_BYTES)) / (most - LEAST_BYTES));
    });
  },
};

/** Of all containers and image volumes, once for each use, with the share of the nodes that have it. */
function knownImages({ spec }: Pod, cluster: Cluster): (readonly [name: string, spread: number])[] {
  const names = [...(spec.initContainers ?? []), ...spec.containers].map(({ image }) => image);
  for (const volume of spec.volumes ?? []) if (volume.image) names.push(volume.image.reference);
  return names.flatMap((image) => {
    const name = normalized(image ?? '');
    const nodes = cluster.nodesWithImage(name);
    return nodes === 0 ? [] : [[name, nodes / cluster.nodes.length] as const];
  });
}

/** With a tag, as nodes name images. */
const normalized = (image: string): string =>
  image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
