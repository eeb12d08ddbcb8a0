import { badRequest, StatusError } from '#proto/meta/status-error.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';
import { headerOf, headerValues, type Incoming } from '#server/apiserver/http/incoming.ts';

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/**
 * `kubectl --as`: the user that the headers name, if the caller may be that user, each of the groups and each
 * extra. Rule: upstream's `WithImpersonation`.
 */
export async function impersonate(
  incoming: Incoming,
  caller: UserInfo,
  authorizer: Authorizer,
): Promise<UserInfo> {
  const name = headerOf(incoming, 'impersonate-user');
  const groups = incoming.headers['impersonate-group'] ? headerValues(incoming, 'impersonate-group') : [];
  const uid = headerOf(incoming, 'impersonate-uid');
  const extra = extrasOf(incoming);
  if (!name) {
    if (groups.length > 0 || uid || Object.keys(extra).length > 0) {
      throw badRequest(`requested ${goUser(uid, groups, extra)} without impersonating a user name`);
    }
    return caller;
  }
  const ask = async (
    group: string,
    resource: string,
    named: string,
    subresource?: string,
    namespace?: string,
  ) => {
    const decision = await authorizer.authorize({
      kind: 'resource',
      user: caller,
      verb: 'impersonate',
      group,
      version: 'v1',
      resource,
      subresource,
      namespace,
      name: named,
    });
    if (decision.allowed) return;
    const where = namespace ? ` in the namespace "${namespace}"` : ' at the cluster scope';
    const what = `${resource}${subresource ? `/${subresource}` : ''}`;
    throw new StatusError(
      'Forbidden',
      `${what} "${named}" is forbidden: User "${caller.name}" cannot impersonate resource "${what}" in API group "${group}"${where}`,
      { details: { name: named, kind: resource, ...(group ? { group } : {}) } },
    );
  };
  const account = SERVICE_ACCOUNT.exec(name);
  if (account) await ask('', 'serviceaccounts', account[2] ?? '', undefined, account[1]);
  else await ask('', 'users', name);
  for (const group of groups) await ask('', 'groups', group);
  if (uid) await ask('authentication.k8s.io', 'uids', uid);
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) await ask('authentication.k8s.io', 'userextras', value, key);
  }
  return { name, groups: allGroups(account, groups), ...(uid ? { uid } : {}), extra };
}

function allGroups(account: RegExpExecArray | null, asked: readonly string[]): string[] {
  const own =
    account && asked.length === 0 ? ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`] : [];
  return [...new Set([...own, ...asked, 'system:authenticated'])];
}

/** Upstream prints the user as Go does. */
function goUser(uid: string | undefined, groups: readonly string[], extra: Record<string, string[]>): string {
  const list = (values: readonly string[]): string =>
    `{${values.map((value) => JSON.stringify(value)).join(', ')}}`;
  const pairs = Object.entries(extra).map(
    ([key, values]) => `${JSON.stringify(key)}:[]string${list(values)}`,
  );
  const extras = pairs.length > 0 ? `{${pairs.join(', ')}}` : '(nil)';
  const shown = groups.length > 0 ? list(groups) : '(nil)';
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid ?? '')}, Groups:[]string${shown}, Extra:map[string][]string${extras}}`;
}

/** A key that can't be decoded is taken as it is. */
function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

const EXTRA = 'impersonate-extra-';

function extrasOf(incoming: Incoming): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (const header of Object.keys(incoming.headers)) {
    if (header.startsWith(EXTRA))
      extra[unescaped(header.slice(EXTRA.length))] = headerValues(incoming, header);
  }
  return extra;
}
