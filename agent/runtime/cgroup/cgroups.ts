/** The pods' own cgroups, around those that the runtime makes of their containers: one interface over v1 and v2. */
export interface Cgroups {
  /** Makes it with its parents and sets its limits; idempotent, and so is each new set of limits. `path` is below the root. */
  apply(path: string, limits: CgroupLimits): Promise<void>;
  /** With all that is left below it; nothing may run there any more. Idempotent. */
  remove(path: string): Promise<void>;
  /** Undefined where there is none (any more). */
  usage(path: string): Promise<CgroupUsage | undefined>;
  /** What a scrape asks for beside usage; undefined where there is no such cgroup (any more). */
  details(path: string): Promise<CgroupDetails | undefined>;
  /** Of a cgroup that has a limit, `/` for all that this board has; undefined for one without a limit, or that is not there. */
  memory(
    path: string,
  ): Promise<{ readonly limitBytes: number; readonly workingSetBytes: number } | undefined>;
  /** One of the processes in it, in the board's numbering; undefined where there is none. */
  firstProcess(path: string): Promise<number | undefined>;
  /** The names of the cgroups directly below. */
  children(path: string): Promise<readonly string[]>;
}

/** Counters since the cgroup was made. */
export interface CgroupDetails {
  /** Periods with a CPU quota, those in which it was used up, and for how long nothing could run then. */
  readonly cpuPeriods: number;
  readonly throttledPeriods: number;
  readonly throttledNs: number;
  /** Processes that the kernel killed because its memory was over. */
  readonly oomKills: number;
  readonly io: {
    readonly readBytes: number;
    readonly writtenBytes: number;
    readonly reads: number;
    readonly writes: number;
  };
  /** Pressure stall information; undefined where the kernel has none: v1, or one that was started without it. */
  readonly pressure: { readonly cpu: Stalls; readonly memory: Stalls; readonly io: Stalls } | undefined;
}

/** Time in which some, or all, of what wanted to run waited for a resource. */
export interface Stalls {
  readonly someNs: number;
  readonly fullNs: number;
}

/** 0 = no limit. */
export interface CgroupLimits {
  readonly cpuShares: number;
  readonly cpuQuotaUs: number;
  readonly cpuPeriodUs: number;
  readonly memoryLimitBytes: number;
  /** Nothing of it goes to swap, which v2 does not count as memory. Left out: as it is. */
  readonly noSwap?: boolean;
  readonly pidsLimit?: number | undefined;
}

export interface CgroupUsage {
  readonly cpuNs: number;
  readonly memoryBytes: number;
  /** Without what the kernel could drop at once: what eviction looks at. */
  readonly workingSetBytes: number;
  readonly processes: number;
}
