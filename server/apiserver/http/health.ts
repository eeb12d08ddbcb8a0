import { type Answer, textAnswer } from '#server/apiserver/http/exchange.ts';

/** One thing that must hold for the server to be alive or ready. Throws, or rejects, with the reason why not. */
export interface HealthCheck {
  readonly name: string;
  /** `livez` checks say that a restart would help; `readyz` has them all. */
  readonly live: boolean;
  check(): Promise<void> | void;
}

/** `/livez`, `/readyz`, `/healthz`, one check below each of them, `?verbose` and `?exclude=`. Undefined elsewhere. */
export async function healthAnswer(
  checks: readonly HealthCheck[],
  path: string,
  query: URLSearchParams,
): Promise<Answer | undefined> {
  const [, endpoint = '', single, more] = path.split('/');
  if (!['livez', 'readyz', 'healthz'].includes(endpoint) || more !== undefined) return undefined;
  const offered = endpoint === 'readyz' ? checks : checks.filter((c) => c.live);
  if (single) {
    const check = offered.find((c) => c.name === single);
    if (!check) return textAnswer(404, '404 page not found\n');
    const failure = await failureOf(check);
    return failure === undefined
      ? textAnswer(200, 'ok')
      : textAnswer(500, `internal server error: ${failure}\n`);
  }
  const excluded = new Set(query.getAll('exclude'));
  const lines: string[] = [];
  let healthy = true;
  for (const check of offered) {
    if (excluded.has(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`);
      continue;
    }
    const failure = await failureOf(check);
    healthy &&= failure === undefined;
    lines.push(failure === undefined ? `[+]${check.name} ok` : `[-]${check.name} failed: reason withheld`);
  }
  if (healthy && !query.has('verbose')) return textAnswer(200, 'ok');
  lines.push(`${endpoint} check ${healthy ? 'passed' : 'failed'}`);
  return textAnswer(healthy ? 200 : 500, `${lines.join('\n')}\n`);
}

async function failureOf(check: HealthCheck): Promise<string | undefined> {
  try {
    await check.check();
    return undefined;
  } catch (err) {
    return err instanceof Error ? err.message : String(err);
  }
}
