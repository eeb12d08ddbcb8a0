import { KUBERNETES_MINOR, KUBERNETES_VERSION } from '#proto/version.ts';

/** What `/version` answers; nodes report the same `gitVersion`. */
export function versionInfo(): object {
  return {
    major: '1',
    minor: String(KUBERNETES_MINOR),
    emulationMajor: '1',
    emulationMinor: String(KUBERNETES_MINOR),
    minCompatibilityMajor: '1',
    minCompatibilityMinor: String(KUBERNETES_MINOR - 1),
    gitVersion: KUBERNETES_VERSION,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: 'node',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
