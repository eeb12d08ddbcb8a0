import { groupResourceOf } from '#proto/api/resource.ts';
import { forbidden, type StatusError } from '#proto/meta/status-error.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';

/** 403 as admission plugins word it: `pods "web" is forbidden: <message>`. */
export const refused = ({ resource, name }: AdmissionAttributes, message: string): StatusError =>
  forbidden(groupResourceOf(resource), name, message);

/** Is this write about the kind itself, and not about one of its subresources? */
export const isAbout = (
  { resource, subresource }: AdmissionAttributes,
  kind: { readonly group: string; readonly plural: string },
): boolean => subresource === undefined && resource.plural === kind.plural && resource.group === kind.group;
