/** `butter` itself: its help, and what it finds. */
import { expect, test } from "bun:test";

import manifest from "../../package.json" with { type: "json" };
import { commands } from "../../src/cli/commands.ts";
import { tableOf } from "../../src/cli/completion-table.ts";
import { nearest } from "../../src/events/nearest.ts";
import { butter, plainEnv } from "../support/butter.ts";
import { type ChildResult, run } from "../support/child.ts";

async function main(...args: readonly string[]): Promise<ChildResult> {
  return await run([...butter, ...args], { env: plainEnv });
}

test("butter prints its help to standard error and exits with 1", async () => {
  const { stdout, stderr, exitCode } = await main();
  expect(stdout).toBe("");
  expect(stderr).toStartWith("Usage: butter COMMAND");
  expect(stderr).toContain("\nStart with:\n  butter watch . ");
  expect(exitCode).toBe(1);
});

test.each(["--help", "-h", "help"])("butter %s prints every command", async (flag) => {
  const { stdout, stderr, exitCode } = await main(flag);
  expect(stdout).toContain("\n  watch ");
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
});

test.each(commands.flatMap(({ name }) => [`${name} --help`, `${name} some -h`, `help ${name}`]))(
  "butter %s prints the command's own help, no line too wide",
  async (line) => {
    // What follows the name of a command that it runs is not ours.
    const { stdout, stderr, exitCode } = await main(...line.replace("run some", "run").split(" "));
    const name = commands.find((command) => line.split(" ").includes(command.name))?.name;
    expect(stdout).toStartWith(`Usage: butter ${name} `);
    expect(stdout.split("\n").filter((printed) => printed.length > 100)).toEqual([]);
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
  },
);

test.each(["--version", "-V"])("butter %s prints the package's version", async (flag) => {
  const { stdout, exitCode } = await main(flag);
  expect(stdout).toBe(`${manifest.version}\n`);
  expect(exitCode).toBe(0);
});

test.each(["swim", "help swim"])("butter %s names the commands it has", async (line) => {
  const { stdout, stderr, exitCode } = await main(...line.split(" "));
  expect(stdout).toBe("");
  expect(stderr).toStartWith('butter: Cannot run "swim": the commands are watch');
  expect(exitCode).toBe(1);
});

test.each([
  ["wacth", 'butter: Cannot run "wacth": did you mean watch?'],
  ["help docter", 'butter: Cannot run "docter": did you mean doctor?'],
  ["--bogus", "butter: Cannot take --bogus: there is no such option"],
  ["watch --igonre x .", "there is no such option, did you mean --ignore?"],
  ["trace --event open", "there is no such option, did you mean --events?"],
  ["timer -Z", 'there is no such option (what begins with "-" and is none goes behind "--")'],
])("butter %s says what was probably meant", async (line, text) => {
  const { stdout, stderr, exitCode } = await main(...line.split(" "));
  expect(stdout).toBe("");
  expect(stderr.split("\n")[0]).toContain(text);
  expect(exitCode).toBe(1);
});

test.each([
  ["w", ["watch", "wait"], undefined],
  ["wa", ["watch", "wait"], undefined],
  ["wai", ["watch", "wait"], "wait"],
  ["comp", ["watch", "completion"], "completion"],
  ["wiat", ["watch", "wait"], "wait"],
  ["events", ["event", "every"], "event"],
  ["swim", ["watch", "wait"], undefined],
  ["", ["watch"], undefined],
])("nearest to %p of %p is %p", (word, known, near) => {
  expect(nearest(word, known)).toBe(near);
});

test.each(commands.map((each) => [each.name, each] as const))(
  "butter %s --help has a line for every option",
  (_, each) => {
    for (const { name, about } of tableOf(each).options)
      expect({ name, about }).toEqual({ name, about: expect.stringMatching(/\w/) });
  },
);

test("BUTTER_DEBUG=1 shows where an error comes from", async () => {
  const env = { ...plainEnv, BUTTER_DEBUG: "1" };
  const { stderr, exitCode } = await run([...butter, "watch", "missing"], { env });
  expect(stderr).toMatch(/^butter: \w+\(.*\) = -1 ENOENT$/m);
  expect(stderr).toContain("    at ");
  expect(exitCode).toBe(1);
});
