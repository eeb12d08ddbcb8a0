import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';

/** One write on its way to the store. `object` is a private copy and may be changed by `admit`. */
export interface AdmissionAttributes {
  readonly resource: Resource;
  readonly subresource: string | undefined;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly namespace: string | undefined;
  readonly name: string;
  /** Absent on DELETE. */
  object: KubeObject | undefined;
  /** Absent on CREATE. */
  readonly oldObject: KubeObject | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly warn: (message: string) => void;
}

/** `admit` may change the object; `validate` may only refuse, by throwing a StatusError. Run in list order, all admits first. */
export interface AdmissionPlugin {
  readonly name: string;
  admit?(attributes: AdmissionAttributes): Promise<void> | void;
  validate?(attributes: AdmissionAttributes): Promise<void> | void;
}
