import { writeFileAtomic } from '#proto/meta/atomic-file.ts';

export interface KubeconfigOptions {
  /** `https://host:port` */
  readonly server: string;
  /** All PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** The administrator's kubeconfig, as kubectl reads it; certificates are inside, so that the one file can be copied. */
export const kubeconfigOf = (options: KubeconfigOptions): string => `apiVersion: v1
kind: Config
clusters:
- name: coracle
  cluster:
    server: ${JSON.stringify(options.server)}
    certificate-authority-data: ${base64(options.ca)}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: ${base64(options.cert)}
    client-key-data: ${base64(options.key)}
contexts:
- name: coracle
  context:
    cluster: coracle
    user: kubernetes-admin
current-context: coracle
preferences: {}
`;

/** Writes it for its owner alone; it opens the whole cluster. */
export function writeKubeconfig(path: string, options: KubeconfigOptions): void {
  writeFileAtomic(path, kubeconfigOf(options), 0o600);
}
