/** How far something has come, as a terminal shows it. */
import { expect, test } from "bun:test";

import { emulated, slowness } from "../support/capabilities.ts";
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
    timeout: 30_000 * slowness,
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

test.skipIf(emulated)("Progress counts what nobody knows the end of (not emulated)", async () => {
  const code = script(", 0").replace("at(3, 7)", "at(3)");
  expect(await onTerminal(code)).toBe("\r\x1b[KLooking at processes: 3\r\x1b[Kdone");
});

test.skipIf(emulated)("Progress says nothing of what is quick (not emulated)", async () => {
  expect(await onTerminal(script(", 60_000"))).toBe("done");
});

const busy = `
  import { Busy } from "./src/cli/progress.ts";
  {
    using busy = new Busy("Taking the snapshot", 20);
    // Whatever it writes ends with a chunk of its own.
    const { write } = process.stderr;
    await new Promise((resolve) => {
      process.stderr.write = (text) => {
        if (text.endsWith(": 2 s")) resolve();
        return write.call(process.stderr, text);
      };
    });
    process.stderr.write = write;
  }
  process.stderr.write("done");
`;

test.skipIf(emulated)("Busy counts the seconds on a terminal (not emulated)", async () => {
  const counted = "\r\x1b[KTaking the snapshot: 1 s\r\x1b[KTaking the snapshot: 2 s";
  expect(await onTerminal(busy)).toBe(`${counted}\r\x1b[Kdone`);
});

test("Progress says nothing where no terminal is", async () => {
  const { stdout, stderr } = await run([bun, "--eval", script(", 0")]);
  expect({ stdout, stderr }).toEqual({ stdout: "", stderr: "done" });
});
