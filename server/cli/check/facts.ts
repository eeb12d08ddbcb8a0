export type Role = 'server' | 'agent';

/** What was found on the machine. */
export interface CheckFacts {
  readonly roles: readonly Role[];
  readonly isRoot: boolean;
  /** Of the program: `arm64`, `x64`, `arm`. */
  readonly architecture: string;
  /** Of the kernel: `aarch64`, `x86_64`, `armv7l`. */
  readonly machine: string;
  readonly hostname: string;
  readonly memoryBytes: number;
  readonly dataDir: string;
  readonly diskFreeBytes: number;
  /** Median of a few; undefined where nothing could be written. */
  readonly syncedWriteMs: number | undefined;
  readonly isReadOnly: boolean;
  readonly cgroupVersion: 1 | 2;
  readonly cgroupControllers: readonly string[];
  /** Of a Raspberry Pi; undefined elsewhere. */
  readonly bootLine: { readonly file: string; readonly text: string } | undefined;
  /** Loaded, or built into the kernel. */
  readonly modulesThere: readonly string[];
  readonly modulesLoadable: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  /** Names of the programs and CNI plug-ins that were looked for and are there. */
  readonly programs: readonly string[];
  /** Only where a containerd is to be used that is not Coracle's own. */
  readonly containerdSocket: { readonly path: string; readonly answers: boolean } | undefined;
  /** CNI configurations of others. */
  readonly foreignCni: readonly string[];
  readonly nowMs: number;
  readonly isClockSynchronised: boolean;
  readonly swaps: readonly string[];
  /** Ports that are needed; `holder` is undefined for a free one, '' where it is not known who has it. */
  readonly ports: readonly {
    readonly port: number;
    readonly option: string;
    readonly holder: string | undefined;
  }[];
}
