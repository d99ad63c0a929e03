import { expect, test } from 'vitest';
import { unifiedDiff } from './unified-diff.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, n) => `line ${n + 1}\n`);

test('equal texts have no difference', async () => {
  expect(await unifiedDiff({ name: 'neondb', before: 'a\n', after: 'a\n' })).toBe('');
});

test('a changed line is shown with three lines around it, named by the database', async () => {
  const before = numbers(10).join('');
  const after = before.replace('line 5\n', 'line five\nand more\n');
  expect(await unifiedDiff({ name: 'neondb', before, after })).toBe(`--- a/neondb
+++ b/neondb
@@ -2,7 +2,8 @@
 line 2
 line 3
 line 4
-line 5
+line five
+and more
 line 6
 line 7
 line 8
`);
});

test('texts that cannot be compared in time are answered as one for the other', async () => {
  const before = numbers(3).join('');
  const diff = await unifiedDiff({ name: 'd', before, after: 'x\ny\n' }, { limitMs: -1 });
  expect(diff).toBe(`--- a/d
+++ b/d
@@ -1,3 +1,2 @@
-line 1
-line 2
-line 3
+x
+y
`);
});
