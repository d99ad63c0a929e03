/** A line that both texts have (` `), only the old one (`-`) or only the new one (`+`). */
export interface Edit {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

/**
 * How one list of lines becomes another with the fewest removals and additions; undefined where
 * that takes more than `maxEdits` of them. Its time grows with the number of lines times the edits,
 * its memory with the square of the edits.
 *
 * The greedy algorithm of E. W. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986):
 * round d finds, on each diagonal k = x - y, the furthest point that d edits reach.
 */
export function editScript(
  before: readonly string[],
  after: readonly string[],
  maxEdits: number,
): Edit[] | undefined {
  const furthest = new Int32Array(2 * maxEdits + 3);
  const origin = maxEdits + 1;
  const rounds: Int32Array[] = [];
  for (let edits = 0; edits <= maxEdits; edits += 1) {
    const round = furthest.slice(origin - edits - 1, origin + edits + 2);
    rounds.push(round);
    for (let k = -edits; k <= edits; k += 2) {
      let x = startOf(round, edits, k);
      while (x < before.length && x - k < after.length && before[x] === after[x - k]) x += 1;
      furthest[origin + k] = x;
      if (x >= before.length && x - k >= after.length) return walkBack(rounds, before, after);
    }
  }
  return undefined;
}

// A round is kept as the points of the one before, with diagonal 0 in the middle. Its edit leads down
// (an addition) from diagonal k + 1, or right (a removal) from k - 1, whichever gets further.
function isAddition(round: Int32Array, edits: number, k: number): boolean {
  const at = k + edits + 1;
  return k === -edits || (k !== edits && (round[at - 1] ?? 0) < (round[at + 1] ?? 0));
}

function startOf(round: Int32Array, edits: number, k: number): number {
  if (edits === 0) return 0;
  const at = k + edits + 1;
  return isAddition(round, edits, k) ? (round[at + 1] ?? 0) : (round[at - 1] ?? 0) + 1;
}

function walkBack(
  rounds: readonly Int32Array[],
  before: readonly string[],
  after: readonly string[],
): Edit[] {
  const script: Edit[] = [];
  let [x, y] = [before.length, after.length];
  for (const [edits, round] of [...rounds.entries()].toReversed()) {
    const k = x - y;
    const start = startOf(round, edits, k);
    while (x > start) {
      script.push({ sign: ' ', line: before[--x] ?? '' });
      y -= 1;
    }
    if (edits === 0) break;
    if (isAddition(round, edits, k)) script.push({ sign: '+', line: after[--y] ?? '' });
    else script.push({ sign: '-', line: before[--x] ?? '' });
  }
  return script.toReversed();
}
