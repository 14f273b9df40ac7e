/** The examples of tests pass: those of examples/testing. */
import { expect, test } from "bun:test";
import { delimiter, dirname } from "node:path";

import { emulated } from "../support/capabilities.ts";
import { bun, run } from "../support/child.ts";

const cwd = new URL("../../examples/testing", import.meta.url).pathname;
const why = emulated ? " (needs a Bun that finds itself as bun, and not under emulation)" : "";

test.skipIf(emulated).each([[[]], [["--parallel"]]])(
  `examples/testing/*.test.ts pass with bun test %p${why}`,
  async (args: readonly string[]) => {
    const PATH = `${dirname(bun)}${delimiter}${process.env["PATH"]}`;
    const { stderr, exitCode } = await run([bun, "test", ...args], { cwd, env: { PATH } });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringContaining(" 4 pass"),
    });
    expect(stderr).toContain(" 0 fail");
  },
);
