import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Regenerates what is committed under a `generated` folder of proto/: the Kubernetes interfaces and schema
 * facts, from the Go modules that proto/schema/generate/go.mod names. Needs Go and its module proxy; only
 * whoever moves to a newer Kubernetes runs it.
 */
const folder = fileURLToPath(new URL('./schema/generate/', import.meta.url));
const { status, error } = spawnSync('go', ['run', '.', '../generated'], { cwd: folder, stdio: 'inherit' });
if (error) console.error(`proto/generate.ts: ${error.message}`);
process.exitCode = status ?? 1;
