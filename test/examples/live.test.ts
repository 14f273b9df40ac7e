/** examples/live.ts does what it says. */
import { expect, test } from "bun:test";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  writeFileSync,
} from "node:fs";

import { Butter } from "../support/butter.ts";
import { bun } from "../support/child.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

const example = new URL("../../examples/live.ts", import.meta.url).pathname;

interface Live {
  readonly server: Butter;
  readonly url: URL;
}

async function start(dir: TempDir): Promise<Live> {
  const server = Butter.start(["w"], { cwd: dir.path, program: [bun, example] });
  const text = await server.stdout.until((printed) => printed.endsWith("\n"));
  return { server, url: new URL(/http:\S+/.exec(text)?.[0] ?? "") };
}

/** Descriptors of its watchers. */
const watchers = (pid: number): number =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return /inotify|fanotify/.test(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;

/** Many names that are long in JSON: more than the buffers between two processes hold. */
function plantMany(dir: TempDir, count: number): string[] {
  const names = Array.from({ length: count }, (_, n) => `w/${n}-`.padEnd(240, "\x01"));
  // Faster than files of their own.
  writeFileSync(dir.at("file"), "");
  for (const name of names) linkSync(dir.at("file"), dir.at(name));
  writeFileSync(dir.at("w/last"), "");
  return names;
}

test("examples/live.ts streams server-sent events, all of them to a client that pauses, until it leaves", async () => {
  using dir = tempDir();
  mkdirSync(dir.at("w"));
  const { server, url } = await start(dir);
  await using _ = server;
  let text = "";
  /** The end of it, in which something is searched. */
  let tail = "";
  let told: (() => void) | undefined;
  const socket = await Bun.connect({
    hostname: url.hostname,
    port: Number(url.port),
    socket: {
      data(_socket, chunk) {
        text += chunk.toString();
        tail = text.slice(-4096);
        told?.();
      },
    },
  });
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds())
      await new Promise<void>((resolve) => {
        told = resolve;
      });
  };
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await until(() => text.includes("event: ready\n"));
  expect(text).toContain("text/event-stream");
  socket.pause();
  const names = plantMany(dir, 3000);
  socket.resume();
  await until(() => tail.includes('"w/last"'));
  const paths = [...text.matchAll(/^event: create\ndata: (.*)\n$/gm)].map(
    ([, data]) => (JSON.parse(data ?? "") as { path: string }).path,
  );
  expect(paths.filter((path) => path !== "w/last")).toEqual(names);
  expect(watchers(server.pid)).toBe(1);
  socket.end();
  while (watchers(server.pid) > 0) await Bun.sleep(1);
  server.signal("SIGINT");
  expect(await server.end()).toBe(0);
  expect(server.stderr.text).toBe("");
});

test("examples/live.ts sends WebSocket messages, each client its own", async () => {
  using dir = tempDir();
  mkdirSync(dir.at("w"));
  const { server, url } = await start(dir);
  await using _ = server;
  const clients = await Promise.all(
    [1, 2].map(async () => {
      const messages: Record<string, unknown>[] = [];
      const socket = new WebSocket(new URL("/", url.href.replace("http", "ws")));
      const { promise: ready, resolve } = Promise.withResolvers<undefined>();
      const { promise: done, resolve: end } = Promise.withResolvers<undefined>();
      socket.addEventListener("message", ({ data }) => {
        const message = JSON.parse(`${data}`) as Record<string, unknown>;
        messages.push(message);
        if (message["type"] === "ready") resolve(undefined);
        if (message["type"] === "rename") end(undefined);
      });
      await ready;
      return { socket, messages, done };
    }),
  );
  const names = plantMany(dir, 1000);
  writeFileSync(dir.at("w/draft"), "");
  renameSync(dir.at("w/draft"), dir.at("w/final"));
  for (const { socket, messages, done } of clients) {
    await done;
    const paths = messages.filter(({ type }) => type === "create").map(({ path }) => path);
    expect(paths).toEqual([...names, "w/last", "w/draft"]);
    expect(messages.at(-1)).toMatchObject({
      type: "rename",
      path: "w/final",
      kind: "file",
      from: "w/draft",
    });
    socket.close();
  }
  while (watchers(server.pid) > 0) await Bun.sleep(1);
  server.signal("SIGINT");
  expect(await server.end()).toBe(0);
  expect(server.stderr.text).toBe("");
});

/** The longest queue that the kernel keeps, of either kind. */
const queue = Math.max(
  ...["inotify", "fanotify"].map((kind) => {
    const path = `/proc/sys/fs/${kind}/max_queued_events`;
    return existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
  }),
);

const upgrade = [
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

test.skipIf(queue > 50_000)(
  "examples/live.ts keeps nothing in memory for clients that do not read: they are told of the overflow (max_queued_events of at most 50,000)",
  async () => {
    using dir = tempDir();
    mkdirSync(dir.at("w"));
    const { server, url } = await start(dir);
    await using _ = server;
    const clients = await Promise.all(
      [[], upgrade].map(async (headers) => {
        let tail = "";
        const words = ['"ready"', '"w/first"', '"overflow"'] as const;
        /** Those that came. */
        const came = new Set<string>();
        let told: (() => void) | undefined;
        const socket = await Bun.connect({
          hostname: url.hostname,
          port: Number(url.port),
          socket: {
            data(_socket, chunk) {
              tail = tail.slice(-100) + chunk.toString("latin1");
              for (const word of words) if (tail.includes(word)) came.add(word);
              told?.();
            },
          },
        });
        const until = async (wanted: (typeof words)[number]): Promise<void> => {
          while (!came.has(wanted))
            await new Promise<void>((resolve) => {
              told = resolve;
            });
        };
        socket.write(["GET / HTTP/1.1", "Host: x", ...headers, "", ""].join("\r\n"));
        await until('"ready"');
        return { socket, until };
      }),
    );
    // The directory was read when it has told of something.
    writeFileSync(dir.at("w/first"), "");
    for (const { socket, until } of clients) {
      await until('"w/first"');
      socket.pause();
    }
    // What the network holds, and then more than the kernel keeps.
    plantMany(dir, 8000);
    for (let n = 0; n < queue + 1000; n++) linkSync(dir.at("file"), dir.at(`w/x${n}`));
    for (const { socket, until } of clients) {
      socket.resume();
      await until('"overflow"');
      socket.end();
    }
    while (watchers(server.pid) > 0) await Bun.sleep(1);
    server.signal("SIGINT");
    expect(await server.end()).toBe(0);
    expect(server.stderr.text).toBe("");
  },
  60_000,
);
