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
    rounds.push(furthest.slice(origin - edits - 1, origin + edits + 2));
    for (let k = -edits; k <= edits; k += 2) {
      let x = step(rounds[edits], edits, k).x;
      while (x < before.length && x - k < after.length && before[x] === after[x - k]) x += 1;
      furthest[origin + k] = x;
      if (x >= before.length && x - k >= after.length) return walkBack(rounds, before, after);
    }
  }
  return undefined;
}

// Where round `edits` comes from on diagonal k, and where its edit leads: down is an addition, right
// a removal. A round is kept as the points of the one before, the diagonal 0 in the middle.
function step(round: Int32Array | undefined, edits: number, k: number) {
  const at = (diagonal: number) => round?.[diagonal + edits + 1] ?? 0;
  const isAddition = k === -edits || (k !== edits && at(k - 1) < at(k + 1));
  return isAddition
    ? { fromK: k + 1, x: edits === 0 ? 0 : at(k + 1) }
    : { fromK: k - 1, x: at(k - 1) + 1 };
}

function walkBack(
  rounds: readonly Int32Array[],
  before: readonly string[],
  after: readonly string[],
): Edit[] {
  const script: Edit[] = [];
  let [x, y] = [before.length, after.length];
  for (let edits = rounds.length - 1; edits >= 0; edits -= 1) {
    const { fromK, x: start } = step(rounds[edits], edits, x - y);
    const isAddition = fromK > x - y;
    while (x > start) {
      script.push({ sign: ' ', line: before[--x] ?? '' });
      y -= 1;
    }
    if (edits === 0) break;
    if (isAddition) script.push({ sign: '+', line: after[--y] ?? '' });
    else script.push({ sign: '-', line: before[--x] ?? '' });
  }
  return script.toReversed();
}
