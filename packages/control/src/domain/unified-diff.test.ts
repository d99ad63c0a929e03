import { expect, test } from 'vitest';
import { editScript } from './edit-script.ts';
import { unifiedDiff } from './unified-diff.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, n) => `line ${n + 1}\n`);

test('equal texts have no difference', () => {
  expect(unifiedDiff({ name: 'neondb', before: 'a\n', after: 'a\n' })).toBe('');
});

test('a changed line is shown with three lines around it, named by the database', () => {
  const before = numbers(10).join('');
  const after = before.replace('line 5\n', 'line five\nand more\n');
  expect(unifiedDiff({ name: 'neondb', before, after })).toBe(`--- a/neondb
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

test('changes share a hunk when their context touches, and have their own when it does not', () => {
  const before = numbers(40).join('');
  const near = before.replace('line 10\n', 'x\n').replace('line 17\n', 'y\n');
  expect(unifiedDiff({ name: 'd', before, after: near }).match(/^@@.*/gm)).toEqual([
    '@@ -7,14 +7,14 @@',
  ]);
  const far = before.replace('line 10\n', '').replace('line 18\n', 'y\nz\n');
  expect(unifiedDiff({ name: 'd', before, after: far }).match(/^@@.*/gm)).toEqual([
    '@@ -7,7 +7,6 @@',
    '@@ -15,7 +14,8 @@',
  ]);
});

test('a text appears out of nothing', () => {
  expect(unifiedDiff({ name: 'd', before: '', after: 'a\nb\n' })).toBe(
    '--- a/d\n+++ b/d\n@@ -0,0 +1,2 @@\n+a\n+b\n',
  );
});

test('texts that have too little in common are shown one in the place of the other', () => {
  const diff = unifiedDiff({ name: 'd', before: numbers(3).join(''), after: 'x\nline 2\n' }, 2);
  expect(diff).toBe(`--- a/d
+++ b/d
@@ -1,3 +1,2 @@
-line 1
-line 2
-line 3
+x
+line 2
`);
});

test('any text becomes any other, with no more edits than needed', () => {
  let seed = 42;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const text = () => Array.from({ length: random(12) }, () => 'abc'.charAt(random(3)));
  for (let round = 0; round < 2_000; round += 1) {
    const [before, after] = [text(), text()];
    const script = editScript(before, after, 24)!;
    const lines = (hidden: string) =>
      script.filter(({ sign }) => sign !== hidden).map(({ line }) => line);
    expect(lines('+')).toEqual(before);
    expect(lines('-')).toEqual(after);
    const common = script.filter(({ sign }) => sign === ' ').length;
    expect(common).toBe(longestCommon(before, after));
  }
});

function longestCommon(a: readonly string[], b: readonly string[]): number {
  const lengths = Array.from({ length: a.length + 1 }, () =>
    Array.from({ length: b.length + 1 }, () => 0),
  );
  for (let i = 1; i <= a.length; i += 1) {
    for (let j = 1; j <= b.length; j += 1) {
      lengths[i]![j] =
        a[i - 1] === b[j - 1]
          ? lengths[i - 1]![j - 1]! + 1
          : Math.max(lengths[i - 1]![j]!, lengths[i]![j - 1]!);
    }
  }
  return lengths[a.length]![b.length]!;
}
