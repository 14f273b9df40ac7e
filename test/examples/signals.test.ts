/** examples/signals.ts does what it says. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";

import { Butter } from "../support/butter.ts";
import { bun } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const example = new URL("../../examples/signals.ts", import.meta.url).pathname;

test("examples/signals.ts reloads at SIGHUP, and at SIGTERM answers what it was asked before", async () => {
  using dir = tempDir();
  const file = dir.at("greeting");
  writeFileSync(file, "hello\n");
  await using server = Butter.start([file], { cwd: dir.path, program: [bun, example] });
  const [url = ""] =
    /http:\S+/.exec(await server.stdout.until((text) => text.endsWith("\n"))) ?? [];
  const ask = (body: string | ReadableStream<Uint8Array>): Promise<Response> =>
    fetch(url, { method: "POST", body });
  expect(await (await ask("Bun")).text()).toBe("hello, Bun!\n");

  writeFileSync(file, "good morning\n");
  server.signal("SIGHUP");
  await server.stdout.until((text) => text.includes("the greeting is good morning\n"));

  const sent = Promise.withResolvers<undefined>();
  const question = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(Buffer.from("patient "));
      await sent.promise;
      controller.enqueue(Buffer.from("Bun"));
      controller.close();
    },
  });
  // It has begun to answer.
  const answer = await ask(question);
  server.signal("SIGTERM");
  await server.stdout.until((text) => text.includes("SIGTERM from process "));
  server.signal("SIGINT");
  sent.resolve(undefined);
  expect(await answer.text()).toBe("good morning, patient Bun!\n");
  expect(await server.end()).toBe(0);
  expect(server.stderr.text).toBe("");
  const from = `from process ${process.pid}`;
  expect(server.stdout.text.split("\n").slice(1)).toEqual([
    `SIGHUP ${from}`,
    "the greeting is good morning",
    `SIGTERM ${from}`,
    "everything is answered",
    "",
  ]);
});
