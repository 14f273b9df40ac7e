/** How far something has come, as a terminal shows it. */
import { expect, test } from "bun:test";

import { emulated } from "../support/capabilities.ts";
import { bun, run } from "../support/child.ts";

const script = (first: string): string => `
  import { Progress } from "./src/cli/progress.ts";
  {
    using progress = new Progress("Looking at processes"${first});
    progress.at(3, 7);
  }
  process.stderr.write("done");
`;

/** Runs a script on a terminal of its own, and returns what that showed. */
async function onTerminal(code: string): Promise<string> {
  let text = "";
  const child = Bun.spawn([bun, "--eval", code], {
    cwd: new URL("../..", import.meta.url).pathname,
    timeout: 30_000,
    terminal: {
      data(_, data) {
        text += new TextDecoder().decode(data);
      },
    },
  });
  expect(await child.exited).toBe(0);
  child.terminal?.close();
  return text;
}

test.skipIf(emulated)(
  "Progress shows a line on a terminal, and takes it away (not emulated)",
  async () => {
    expect(await onTerminal(script(", 0"))).toBe(
      "\r\x1b[KLooking at processes: 3 of 7\r\x1b[Kdone",
    );
  },
);

test.skipIf(emulated)("Progress says nothing of what is quick (not emulated)", async () => {
  expect(await onTerminal(script(", 60_000"))).toBe("done");
});

test("Progress says nothing where no terminal is", async () => {
  const { stdout, stderr } = await run([bun, "--eval", script(", 0")]);
  expect({ stdout, stderr }).toEqual({ stdout: "", stderr: "done" });
});
