/** examples/shutdown.ts does what it says. */
import { expect, test } from "bun:test";

import { Butter } from "../support/butter.ts";
import { bun } from "../support/child.ts";

const example = new URL("../../examples/shutdown.ts", import.meta.url).pathname;

test("examples/shutdown.ts answers what it was asked before SIGTERM, and nothing after", async () => {
  await using server = Butter.start([], { cwd: "/", program: [bun, example] });
  const text = await server.stdout.until((printed) => printed.endsWith("\n"));
  const [url = ""] = /http:\S+/.exec(text) ?? [];
  const ask = (body: string | ReadableStream<Uint8Array>): Promise<Response> =>
    fetch(url, { method: "POST", body });
  expect(await (await ask("Bun")).text()).toBe("hello, Bun!\n");

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
  await server.stdout.until((printed) => printed.includes("SIGTERM from process "));
  await expect(ask("late")).rejects.toThrow();
  server.signal("SIGINT");
  sent.resolve(undefined);
  expect(await answer.text()).toBe("hello, patient Bun!\n");
  expect(await server.end()).toBe(0);
  expect(server.stderr.text).toBe("");
  expect(server.stdout.text.split("\n").slice(1)).toEqual([
    `SIGTERM from process ${process.pid}: 1 requests are open`,
    "everything is answered",
    "",
  ]);
});
