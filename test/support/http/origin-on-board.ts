/** An origin as a program of its own, for a board: PORT from the environment. */
import { startOrigin } from './origin.ts';

await startOrigin('board', '0.0.0.0', Number(process.env['PORT']));
