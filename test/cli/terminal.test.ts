/** `butter` on a terminal. */
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";

import { butter, plainEnv } from "../support/butter.ts";
import { emulated, slowness } from "../support/capabilities.ts";
import { tempDir } from "../support/temp.ts";

/** What is waited for in the output, and what is done then. */
type Step = readonly [word: string, act: (terminal: Bun.Terminal) => void];

const interrupt: Step[1] = (terminal) => terminal.write("\x03");

/** Runs it on a terminal of its own, and returns what that showed. */
async function onTerminal(
  args: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
  ...steps: Step[]
): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn([...butter, ...args], {
    cwd,
    env: { ...plainEnv, TERM: "xterm", ...env },
    timeout: 30_000 * slowness,
    // Only one that is made here is the one that Ctrl-C comes from.
    terminal: {
      cols: 100,
      rows: 30,
      data(terminal, data) {
        text += decoder.decode(data, { stream: true });
        const [word, act] = steps[0] ?? [];
        if (word === undefined || act === undefined || !text.includes(word)) return;
        steps.shift();
        act(terminal);
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
  const text = await onTerminal(
    ["watch", "."],
    { cwd: dir.path },
    ["Watching ", act],
    ["change", interrupt],
  );
  expect(text).toMatch(
    new RegExp(
      `^Watching \\.: 1 entry\n${line(32, "create", "\\./sub/")}${line(32, "create", "\\./evil\\\\x1B\\[2J")}` +
        `${line(33, "change", "\\./evil\\\\x1B\\[2J")}` +
        `\\^C\n3 events in \\d+\\.\\d s: 2 create, 1 change\n$`,
    ),
  );
});

test.each([{ NO_COLOR: "1" }, { FORCE_COLOR: "0" }, { TERM: "dumb" }])(
  "%j turns colour off",
  async (env) => {
    using dir = tempDir();
    const text = await onTerminal(
      ["watch", "."],
      { cwd: dir.path, env },
      ["Watching ", () => mkdirSync(dir.at("sub"))],
      ["create", interrupt],
    );
    expect(text).toMatch(new RegExp(`^Watching \\.: 1 entry\n${at}  create         \\./sub/\n`));
  },
);

test.skipIf(emulated)(
  "signals of the terminal itself are on lines of their own, and Ctrl-C ends it (not emulated)",
  async () => {
    const text = await onTerminal(
      ["signals"],
      { cwd: "/" },
      ["ends it", (terminal) => terminal.write("\x1c")],
      ["SIGQUIT", interrupt],
    );
    const row = (colour: number, signal: string): string => line(colour, signal, "KERNEL");
    expect(text).toMatch(
      new RegExp(
        `^Process \\d+ takes .* ends it\n\\^\\\\\n${row(32, "SIGQUIT")}\\^C\n${row(31, "SIGINT")}` +
          `2 signals in \\d+\\.\\d s: 1 SIGQUIT, 1 SIGINT\n$`,
      ),
    );
  },
);
