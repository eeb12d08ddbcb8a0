import { defineConfig } from 'vitest/config';

/** `unit` sits beside the code and is fast; `e2e` crosses processes on virtual boards, one file at a time. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          // Not for stories: what they run on a board has that board's own folders.
          globalSetup: ['test/support/scratch.ts'],
          include: [
            '{agent,server,proto,firmware-images}/**/*.test.ts',
            'test/{support,bench,conformance,chaos,images}/**/*.test.ts',
          ],
          // A machine that is busy gets there, too: these are for what never comes.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 30_000 } },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/{stories,e2e}/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
