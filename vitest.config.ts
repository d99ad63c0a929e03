import { defineConfig } from 'vitest/config';

// Says how many answers were checked against the published contract.
const globalSetup = ['packages/testkit/src/contract/report-answer-counts.ts'];

// Workspace packages are read from their sources, so no build is needed before a unit test.
const conditions = ['source', 'node'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'packages',
          include: ['packages/*/src/**/*.test.ts', 'bench/src/**/*.test.ts'],
          globalSetup,
          // Tests wait for disks and clocks more than they compute; one worker, which is what vitest
          // takes on two processors, leaves half of them idle.
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      { extends: true, test: { name: 'scripts', include: ['scripts/**/*.test.mjs'] } },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup,
          setupFiles: ['test/e2e/watch-answers.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
