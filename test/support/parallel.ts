/** A few at a time: a process each would be too many at once. */

/** Maps like `Promise.all(items.map(task))`, with at most `limit` tasks under way. */
export async function parallel<T, R>(
  items: readonly T[],
  task: (item: T) => Promise<R>,
  limit: number = 4,
): Promise<R[]> {
  const results: R[] = [];
  const rest = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of rest) results[index] = await task(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
