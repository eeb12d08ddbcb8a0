import type { Resource } from '#proto/api/resource.ts';
import type { FieldValidation } from '#proto/meta/decode/strict.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import type { Reinvocation } from '#server/apiserver/admission/reinvocation.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';

/** One write on its way to the store. `object` is a private copy and may be changed by `admit`. */
export interface AdmissionAttributes {
  /** In the version that was asked for. */
  readonly resource: Resource;
  readonly subresource: string | undefined;
  /** Of the body: `Eviction` for `pods/eviction`, `PodExecOptions` for `pods/exec`. */
  readonly kind: GroupVersionKind;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly namespace: string | undefined;
  /** `''` on CREATE until a name has been generated. */
  readonly name: string;
  /** In the stored version. Absent on DELETE; the options of the connection on CONNECT. */
  object: KubeObject | undefined;
  /** In the stored version. Absent on CREATE and CONNECT. */
  readonly oldObject: KubeObject | undefined;
  /** `CreateOptions`, `UpdateOptions`, `DeleteOptions`; absent on CONNECT. */
  readonly options: object | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly versions: ObjectVersions;
  readonly reinvocation: Reinvocation;
  readonly warn: (message: string) => void;
  /** For the audit log. */
  readonly annotate: (key: string, value: string) => void;
}

/** The object of a write in other versions than the stored one. For bodies of a kind of their own there is one only. */
export interface ObjectVersions {
  /** All resources through which the same objects are served, that of the request first. */
  readonly equivalents: readonly Resource[];
  /** From the stored version to that of `resource`, as a client would see it: a private copy. */
  present(object: KubeObject, resource: Resource): Promise<KubeObject> | KubeObject;
  /**
   * Back, after it was changed, with defaults. Unknown fields are dropped, or refused where `validation` is `Strict`.
   * Rejects with a StatusError.
   */
  accept(
    object: KubeObject,
    resource: Resource,
    validation?: FieldValidation,
  ): Promise<KubeObject> | KubeObject;
}

/** `admit` may change the object; `validate` may only refuse, by throwing a StatusError. Run in list order, all admits first. */
export interface AdmissionPlugin {
  readonly name: string;
  admit?(attributes: AdmissionAttributes): Promise<void> | void;
  validate?(attributes: AdmissionAttributes): Promise<void> | void;
}
