/**
 * What somebody may have meant who mistyped a word.
 *
 * @module
 */

/** A beginning of fewer letters says little. */
const LEAST = 2;

/**
 * The word that is nearest to another: it begins with that, or one slip in three letters makes that of it.
 *
 * @returns `undefined` if none is near, or two are equally so.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const begun = known.filter((each) => word.length >= LEAST && each.startsWith(word));
  if (begun.length === 1) return begun[0];
  const near = known
    .map((each) => ({ each, slips: slips(word, each) }))
    .filter(({ each, slips: count }) => count <= Math.max(word.length, each.length) / 3)
    .toSorted((a, b) => a.slips - b.slips);
  const [first, second] = near;
  return first?.slips === second?.slips ? undefined : first?.each;
}

/** How many letters are missing, too many, others, or in the place of their neighbour. */
function slips(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, at) => at)];
  const cost = (row: number, column: number): number => rows[row]?.[column] ?? Infinity;
  for (let row = 1; row <= from.length; row++) {
    rows.push([row]);
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      rows[row]?.push(
        Math.min(
          cost(row - 1, column) + 1,
          cost(row, column - 1) + 1,
          cost(row - 1, column - 1) + (isSame ? 0 : 1),
          isSwapped ? cost(row - 2, column - 2) + 1 : Infinity,
        ),
      );
    }
  }
  return cost(from.length, to.length);
}
