/** Replays random programs in a process that is at a limit in two of three bursts: `KIND BACKEND BASE SEED…`. */
import { limitWatches, useDescriptors } from "./limited.ts";
import { BURSTS, inBursts, type Outcome } from "./replay.ts";
import { Model, type Way } from "./watch.ts";

const [kind = "", backend = "", base = "", ...seeds] = process.argv.slice(2);

const outcomes: Outcome[] = [];
let told = 0;
for (const seed of seeds) {
  const model = new Model();
  let limit: Disposable | undefined;
  const before = (_: unknown, burst: number): void => {
    limit = undefined;
    if (burst % 3 === 2 || burst === BURSTS - 1) return;
    limit = kind === "watches" ? limitWatches(8) : useDescriptors();
  };
  const after = (): void => limit?.[Symbol.dispose]();
  try {
    outcomes.push(await inBursts(Number(seed), { backend, base } as Way, model, { before, after }));
  } catch (error) {
    // Where nothing can be opened its directory can't be removed either.
    throw error instanceof SuppressedError ? error.suppressed : error;
  }
  told += model.limits;
}
console.log(JSON.stringify({ outcomes, told }));
