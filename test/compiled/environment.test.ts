/** Executables without privileges, in an empty environment: the command, and a server with a page. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";

import { documented } from "../support/bare-root.ts";
import { Butter, rowsOf } from "../support/butter.ts";
import { emulated } from "../support/capabilities.ts";
import { run } from "../support/child.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

const top = new URL("../..", import.meta.url).pathname;

async function compile(
  dir: TempDir,
  source: string,
  flags: readonly string[] = [],
): Promise<string> {
  const outfile = dir.at("program");
  const cmd = [process.execPath, "build", "--compile", ...flags, source, "--outfile", outfile];
  const { exitCode, stderr } = await run(cmd, { cwd: top });
  expect(`${exitCode} ${exitCode === 0 ? "" : stderr}`).toBe("0 ");
  mkdirSync(dir.at("w"));
  return outfile;
}

/** What runs something with an environment that is empty. */
const through = ["/usr/bin/env", "-i"];

test.skipIf(emulated)(
  "butter as an executable watches, runs commands, and takes signals, in an empty environment (not emulated)",
  async () => {
    using dir = tempDir();
    const program = [await compile(dir, "src/cli/main.ts")];
    const version = await run([...through, ...program, "--version"], { cwd: dir.path });
    expect(version).toMatchObject({ exitCode: 0, stderr: "" });
    const args = ["w", "--count", "2", "--exec", 'echo "ran $BUTTER_EVENTS"'];
    await using watch = await Butter.watch(args, { cwd: dir.path, through, program });
    mkdirSync(dir.at("w/a"));
    mkdirSync(dir.at("w/b"));
    expect(await watch.end()).toBe(0);
    expect(rowsOf(watch.stdout.text)).toEqual(["create w/a directory", "create w/b directory"]);
    expect(watch.stderr.text).toBe("Watching w: 1 entry\nran 2\n");
    const options = { cwd: dir.path, through, program };
    await using signals = Butter.start(["signals"], options);
    const text = await signals.stderr.until((printed) => printed.includes(" ends it\n"));
    process.kill(Number(/^Process (\d+)/.exec(text)?.[1]), "SIGTERM");
    expect(await signals.end()).toBe(0);
    expect(signals.stdout.text).toContain(`\tSIGTERM,USER\t${process.pid}\t`);
    await using missing = Butter.start(["watch", "missing"], options);
    expect(await missing.end()).toBe(1);
    expect(missing.stderr.text).toStartWith("butter watch: Cannot watch missing: ");
  },
  60_000,
);

test.skipIf(emulated)(
  "examples/dashboard as an executable has its page with it (not emulated)",
  async () => {
    using dir = tempDir();
    const program = [await compile(dir, "examples/dashboard/server.ts", documented)];
    const options = { cwd: dir.path, through, program };
    await using server = Butter.start(["--port", "0", "w"], options);
    const text = await server.stdout.until((printed) => printed.endsWith("\n"));
    const url = /http:\S+/.exec(text)?.[0] ?? "";
    const page = await (await fetch(url)).text();
    const parts = [...page.matchAll(/(?:src|href)="([^"]*\.(?:js|css))"/g)];
    expect(parts.length).toBeGreaterThanOrEqual(2);
    for (const [, part = ""] of parts) {
      const response = await fetch(new URL(part, url));
      expect(`${part} ${response.status}`).toBe(`${part} 200`);
      expect(await response.text()).not.toBe("");
    }
    server.signal("SIGTERM");
    expect(await server.end()).toBe(0);
  },
  60_000,
);
