/** The API that is spoken; clients compare it with their own. */
export const KUBERNETES_MINOR = 36;

/** What `/version` answers. `version` is Coracle's own. */
export function versionInfo(version: string): object {
  return {
    major: '1',
    minor: String(KUBERNETES_MINOR),
    emulationMajor: '1',
    emulationMinor: String(KUBERNETES_MINOR),
    minCompatibilityMajor: '1',
    minCompatibilityMinor: String(KUBERNETES_MINOR - 1),
    gitVersion: gitVersion(version),
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: 'node',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}

/** `v1.36.0+coracle0.1.0`: nodes report it, too. */
export const gitVersion = (version: string): string => `v1.${KUBERNETES_MINOR}.0+coracle${version}`;
