import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('hands options over to the same process, and nothing to its children', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'coracle-tune-'));
  try {
    const script = join(dataDir, 'program.mjs');
    writeFileSync(
      script,
      `import { retune, takeRetuned } from '${import.meta.dirname}/tune.ts';
       const retuned = takeRetuned();
       if (!retuned) retune('agent', { dataDir: '${dataDir}', tlsSan: ['a', 'b'], nodeName: String(process.pid) });
       console.log(JSON.stringify({ ...retuned, pid: String(process.pid), flags: process.execArgv, argv: process.argv.slice(2), left: process.env.CORACLE_RETUNED }));`,
    );
    const { stdout, stderr } = spawnSync(process.execPath, ['--optimize-for-size', script, 'agent'], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    const { program, options, pid, flags, argv, left } = JSON.parse(stdout);
    expect(program).toBe('agent');
    expect(options).toEqual({ dataDir, tlsSan: ['a', 'b'], nodeName: pid });
    expect(flags).toEqual(expect.arrayContaining(['--optimize-for-size', '--max-semi-space-size=1']));
    expect(new Set(flags).size).toBe(flags.length);
    expect(argv).toEqual(['agent']);
    expect(left).toBeUndefined();
    expect(statSync(join(dataDir, 'cache')).mode & 0o777).toBe(0o700);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});
