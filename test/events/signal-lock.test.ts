/** The lock that keeps threads from changing at the same time what the process does about a signal. */
import { expect, test } from "bun:test";

import { script, worker } from "../support/signal-script.ts";

test("exclusively() keeps other threads out, and may be called inside itself", async () => {
  const code = `${worker}
    const body = \`
      import { exclusively } from "../../src/events/signal-lock.ts";
      self.onmessage = ({ data: { shared, times } }) => {
        for (let n = 0; n < times; n++)
          exclusively(() => exclusively(() => {
            const before = shared[0];
            for (let spin = 0; spin < 50; spin++) shared[1]++;
            shared[0] = before + 1;
          }));
        self.onmessage = null;
        postMessage("done");
      };
      postMessage("ready");
    \`;
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const workers = await Promise.all([start(body), start(body), start(body)]);
    await Promise.all(workers.map(({ ask }) => ask({ shared, times: 20_000 })));
    print([...shared]);
  `;
  expect(await script(code)).toEqual([60_000, 3_000_000]);
});

test("exclusively() takes over from a thread that was terminated inside, and lets go when the function throws", async () => {
  const code = `${worker}
    import { exclusively } from "./src/events/signal-lock.ts";
    const shared = new Int32Array(new SharedArrayBuffer(4));
    const { worker, ready } = await start(\`
      import { exclusively } from "../../src/events/signal-lock.ts";
      self.onmessage = ({ data }) => exclusively(() => { Atomics.store(data, 0, 1); for (;;) Atomics.load(data, 0); });
      postMessage(c.gettid());
    \`);
    worker.postMessage(shared);
    while (Atomics.load(shared, 0) === 0) await turn();
    worker.terminate();
    // It waits for the end of the thread.
    const value = exclusively(() => readdirSync("/proc/self/task").includes(String(ready)));
    let message;
    try { exclusively(() => { throw new Error("no"); }); } catch (error) { ({ message } = error); }
    const other = await start(\`
      import { exclusively } from "../../src/events/signal-lock.ts";
      postMessage(exclusively(() => "free"));
    \`);
    print([value, message, other.ready]);
  `;
  expect(await script(code)).toEqual([false, "no", "free"]);
});
