/** The examples, and how each is called wrongly. */

export const root = new URL("../..", import.meta.url).pathname;

/** Those that are one file. */
export const examples: string[] = [...new Bun.Glob("*.ts").scanSync(`${root}/examples`)].toSorted();

/** What each can't do anything with. What is not here takes none. */
export const wrong: Readonly<Record<string, readonly string[]>> = {
  "cache.ts": [".", "-1"],
  "eventfd-workers.ts": ["-1"],
  "pidfd.ts": ["0"],
  "pressure.ts": ["disk"],
  "shutdown.ts": ["65536"],
  "timer.ts": ["-1"],
  "wheel.ts": ["soon"],
};
/** Every command line means something to it. */
export const anything = new Set(["container.ts"]);
