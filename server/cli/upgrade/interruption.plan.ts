/** What becomes of the board in work when an upgrade is called off, and what the next run finds of it. */

/** How far the board in work is. From `told` on it goes its way alone: to the new system, or back. */
export type Phase = 'moving' | 'sending' | 'checking' | 'told';

export interface Work {
  readonly node: string;
  /** The version that runs; undefined where an earlier run had begun. */
  readonly from: string | undefined;
  /** Whether the upgrade keeps Pods off it, and not its owner. */
  readonly cordoned: boolean;
  readonly phase: Phase;
}

export interface Interruption {
  /** Whether the marks on the node go, and with them the cordon if it is the upgrade's. */
  readonly release: boolean;
  readonly say: string;
}

/** A board that was not told to start anew is as good as before. One that was takes no Pods before it has proved itself. */
export function planInterruption({ from, cordoned, phase }: Work): Interruption {
  if (phase === 'told') {
    const cordon = cordoned ? 'it takes no new Pods until then' : 'it stays cordoned, as it was before';
    const say = `was told to start with the new system, and goes back by itself unless that is healthy; the same command again goes on from here, ${cordon}`;
    return { release: false, say };
  }
  const cordon = cordoned ? 'takes Pods again' : 'stays cordoned, as it was before';
  const waits = phase === 'checking' ? ', and may try the new system when it starts the next time' : '';
  return { release: true, say: `stays on ${from}${waits}; ${cordon}` };
}

/** On a node that an upgrade keeps new Pods off, so that nobody has to guess who did. */
const CORDONED = 'coracle.dev/upgrading';

/** On a node that an upgrade has told to start anew: from which slot, and in which boot it heard that. */
const RESTARTING = 'coracle.dev/upgrading-from';

export interface Marks {
  readonly cordoned: boolean;
  readonly restarting: { readonly slot: 'a' | 'b'; readonly bootId: string } | undefined;
}

/** What a run has left on a node: an owner's own cordon has no mark. */
export function readMarks(annotations: Readonly<Record<string, string>> = {}): Marks {
  const [, slot, bootId] = /^([ab]) (.+)$/.exec(annotations[RESTARTING] ?? '') ?? [];
  return {
    cordoned: annotations[CORDONED] !== undefined,
    restarting: (slot === 'a' || slot === 'b') && bootId ? { slot, bootId } : undefined,
  };
}

/** Merge patches of a node. */
export const cordonPatch = () => ({
  metadata: { annotations: { [CORDONED]: 'yes' } },
  spec: { unschedulable: true },
});

export const restartingPatch = (slot: 'a' | 'b', bootId: string) => ({
  metadata: { annotations: { [RESTARTING]: `${slot} ${bootId}` } },
});

export const releasePatch = (cordoned: boolean) => ({
  metadata: { annotations: { [CORDONED]: null, [RESTARTING]: null } },
  ...(cordoned ? { spec: { unschedulable: null } } : {}),
});
