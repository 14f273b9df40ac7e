/** `butter watch` on a terminal. */
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";

import { butter, plainEnv } from "../support/butter.ts";
import { tempDir } from "../support/temp.ts";

/** Runs it on a terminal of its own, with Ctrl-C when `last` has been seen. */
async function onTerminal(
  cwd: string,
  env: Readonly<Record<string, string>>,
  act: () => void,
  last: string,
): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  const steps: [word: string, step: (terminal: Bun.Terminal) => void][] = [
    ["Watching ", act],
    [last, (terminal) => terminal.write("\x03")],
  ];
  const child = Bun.spawn([...butter, "watch", "."], {
    cwd,
    env: { ...plainEnv, TERM: "xterm", ...env },
    timeout: 30_000,
    // Only one that is made here is the one that Ctrl-C comes from.
    terminal: {
      cols: 100,
      rows: 30,
      data(terminal, data) {
        text += decoder.decode(data, { stream: true });
        const [word, step] = steps[0] ?? [];
        if (word === undefined || step === undefined || !text.includes(word)) return;
        steps.shift();
        step(terminal);
      },
    },
  });
  expect(await child.exited).toBe(0);
  child.terminal?.close();
  return text.replaceAll("\r\n", "\n");
}

const at = String.raw`\d\d:\d\d:\d\d\.\d{3}`;

/** What a line looks like, as a pattern. */
const line = (colour: number, words: string, path: string): string =>
  `\\x1b\\[90m${at}\\x1b\\[39m  \\x1b\\[${colour}m${words.padEnd(13)}\\x1b\\[39m  ${path}\n`;

test("lines are aligned and coloured, directories end in a slash, and Ctrl-C ends it", async () => {
  using dir = tempDir();
  const act = (): void => {
    mkdirSync(dir.at("sub"));
    writeFileSync(dir.at("evil\x1b[2J"), "x");
  };
  const text = await onTerminal(dir.path, {}, act, "CLOSE_WRITE");
  expect(text).toMatch(
    new RegExp(
      `^Watching 1 directory\n${line(32, "CREATE", "\\./sub/")}${line(32, "CREATE", "\\./evil\\\\x1B\\[2J")}` +
        `${line(33, "MODIFY", "\\./evil\\\\x1B\\[2J")}${line(33, "CLOSE_WRITE", "\\./evil\\\\x1B\\[2J")}` +
        `\\^C\n4 events in \\d+\\.\\d s: 2 CREATE, 1 MODIFY, 1 CLOSE_WRITE\n$`,
    ),
  );
});

test.each([{ NO_COLOR: "1" }, { FORCE_COLOR: "0" }, { TERM: "dumb" }])(
  "%j turns colour off",
  async (env) => {
    using dir = tempDir();
    const text = await onTerminal(dir.path, env, () => mkdirSync(dir.at("sub")), "CREATE");
    expect(text).toMatch(new RegExp(`^Watching 1 directory\n${at}  CREATE         \\./sub/\n`));
  },
);
