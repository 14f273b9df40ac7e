/**
 * The examples as an executable, in a root where there is nothing else. It is one for all of them, because each is as large as
 * Bun: `bench/executables.ts` compiles them one by one.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";

import { BareRoot, canMakeRoot, loader, rootNeeds } from "../support/bare-root.ts";
import { anything, examples, root as top, wrong } from "../support/examples.ts";
import { tempDir } from "../support/temp.ts";

const programs = [...examples, "fleet/agent.ts", "fleet/consumer.ts", "testing/site.ts"];

/** Runs the example that EXAMPLE names. Workers have the environment as well. */
const chooser = `const programs = {
${programs.map((name) => `"${name}": () => import("${top}examples/${name}"),`).join("\n")}
};
await programs[process.env.EXAMPLE]();
`;

describe.skipIf(!canMakeRoot)(`examples in a bare root${rootNeeds}`, () => {
  let root: BareRoot;
  const named = (name: string) => ({ env: { EXAMPLE: name } });

  beforeAll(async () => {
    root = new BareRoot();
    using dir = tempDir();
    writeFileSync(dir.at("chooser.ts"), chooser);
    await root.compile(dir.at("chooser.ts"), "examples");
    writeFileSync(root.at("w/file"), "text");
  }, 60_000);

  afterAll(() => root[Symbol.dispose]());

  const called = programs.filter((name) => !anything.has(name) && !name.startsWith("testing/"));

  test.concurrent.each(called)("%s says how it is called", async (name) => {
    const { stdout, stderr, exitCode } = await root.run("examples", wrong[name] ?? [], named(name));
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
    expect(stderr).toStartWith("usage: ");
  });

  test("watch.ts watches until Ctrl-C", async () => {
    await using watch = root.start("examples", ["."], named("watch.ts"));
    await watch.stdout.until((text) => text.includes("Watching .\n"));
    writeFileSync(root.at("w/new"), "");
    await watch.stdout.until((text) => text.endsWith("CLOSE_WRITE ./new\n"));
    watch.signal("SIGINT");
    expect(await watch.end()).toBe(0);
    expect(watch.stderr.text).toBe("");
  });

  test("timer.ts ticks until Ctrl-C", async () => {
    await using timer = root.start("examples", ["1"], named("timer.ts"));
    await timer.stdout.until((text) => text.includes(" tick"));
    timer.signal("SIGINT");
    expect(await timer.end()).toBe(0);
  });

  test.concurrent("eventfd-workers.ts has Workers", async () => {
    const { stdout } = await root.run("examples", ["10"], named("eventfd-workers.ts"));
    expect(stdout).toBe("the sum of 10 numbers is 55\n");
  });

  test.concurrent("copy.ts copies", async () => {
    const { exitCode } = await root.run("examples", ["file", "copied"], named("copy.ts"));
    expect(exitCode).toBe(0);
    expect(readFileSync(root.at("w/copied"), "utf8")).toBe("text");
  });

  test.concurrent("share.ts shares memory with another process", async () => {
    const { stdout } = await root.run("examples", ["file", "/examples", "-"], named("share.ts"));
    const digest = new Bun.CryptoHasher("sha256").update("text").digest("hex");
    expect(stdout).toBe(`4 bytes, sha256 ${digest}\n`);
  });

  test.concurrent("memfd-exec.ts executes what is in memory", async () => {
    const args = [loader, "--list", "/examples"];
    const { stdout } = await root.run("examples", args, named("memfd-exec.ts"));
    expect(stdout).toContain("libc.");
  });
});
