/** examples/eventfd-workers.ts does what it says. */
import { expect, test } from "bun:test";

import { bun, run } from "../support/child.ts";

const example = new URL("../../examples/eventfd-workers.ts", import.meta.url).pathname;

test.each([
  [0, "0"],
  [1, "1"],
  [2000, "2001000"],
])(
  "examples/eventfd-workers.ts sums %d numbers of another Worker, and ends",
  async (count, sum) => {
    expect(await run([bun, example, `${count}`], { cwd: "/" })).toEqual({
      stdout: `the sum of ${count} numbers is ${sum}\n`,
      stderr: "",
      exitCode: 0,
      signalCode: null,
    });
  },
);
