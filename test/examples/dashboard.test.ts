/** examples/dashboard/server.ts does what it says, but for its page. */
import { describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

import type {
  Change,
  Dropped,
  Hello,
  Message,
  Sample,
  Touch,
} from "../../examples/dashboard/wire.ts";
import { Butter } from "../support/butter.ts";
import { can } from "../support/capabilities.ts";
import { bun } from "../support/child.ts";
import {
  connect,
  example,
  framesIn,
  listen,
  paused,
  serve,
  serverSentIn,
  type Told,
} from "../support/dashboard.ts";
import { tempDir } from "../support/temp.ts";

const ANY = ["--port", "0"];

const isHello = (message: Message): message is Hello => message.type === "hello";
const isSample = (message: Message): message is Sample & { id: number } =>
  message.type === "sample";
const isDropped = (message: Message): message is Dropped => message.type === "dropped";
const idOf = (message: Message): number | undefined => ("id" in message ? message.id : undefined);
const idsOf = (messages: readonly Message[]): number[] =>
  messages.flatMap((one) => idOf(one) ?? []);
const isChangeOf =
  (path: string) =>
  (message: Message): message is Change & { id: number } =>
    message.type === "change" && message.path === path;

/** Ids without a hole. */
function following(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** How many events a client was told that it missed: nothing is missing but these. */
function lostOf(messages: readonly Message[]): number {
  let lost = 0;
  let next = 1;
  for (const message of messages) {
    if (isDropped(message)) {
      lost += message.dropped;
      next += message.dropped;
    } else if ("id" in message) expect(message.id).toBe(next++);
  }
  return lost;
}

describe("examples/dashboard/server.ts tells", () => {
  test("of changes, signals and samples, the same to every client, by either transport", async () => {
    using dir = tempDir();
    mkdirSync(dir.at("w"));
    await using server = await serve([...ANY, "w"], { cwd: dir.path });
    const { url, process: child } = server;
    const clients: Told[] = [await listen(url), connect(url).told];
    for (const told of clients) await told.first(isHello);
    writeFileSync(dir.at("w/draft"), "text");
    renameSync(dir.at("w/draft"), dir.at("w/final"));
    child.signal("SIGUSR1");
    for (const told of clients) {
      await told.first(({ type }) => type === "signal");
      await told.first(isChangeOf("final"));
    }
    // Before they are matched with patterns, which Bun puts into what it compares.
    const [one = [], other = []] = clients.map(({ messages }) =>
      messages.flatMap((message) => ("id" in message ? JSON.stringify(message) : [])),
    );
    const both = Math.min(one.length, other.length);
    expect(one.slice(0, both)).toEqual(other.slice(0, both));
    expect(idsOf(clients[0]?.messages ?? [])).toEqual(following(1, one.length));
    for (const told of clients) {
      expect(told.messages[0]).toMatchObject({
        type: "hello",
        resumed: false,
        pid: child.pid,
        roots: [dir.at("w")],
      });
      expect(await told.first(isChangeOf("draft"))).toMatchObject({ what: "create", kind: "file" });
      expect(await told.first(isChangeOf("final"))).toMatchObject({
        what: "rename",
        from: "draft",
      });
      expect(await told.first(({ type }) => type === "signal")).toMatchObject({
        signal: "SIGUSR1",
        code: "USER",
        who: { pid: process.pid },
      });
      expect(await told.first(isSample)).toMatchObject({
        pressure: {},
        late: { timerfd: expect.any(Number), interval: expect.any(Number) },
        descriptors: { used: expect.any(Number), limit: expect.any(Number) },
        queues: { changes: { limit: expect.any(Number) } },
        log: { limit: 32_768 },
      });
    }
  });

  const sees = can("CAP_SYS_ADMIN") && can("CAP_DAC_READ_SEARCH");
  const why = sees ? "" : " (needs CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH)";
  test.skipIf(!sees)(`who touches which file${why}`, async () => {
    using dir = tempDir();
    mkdirSync(dir.at("w"));
    writeFileSync(dir.at("w/secret"), "x");
    await using server = await serve([...ANY, dir.at("w")], { cwd: dir.path });
    const told = await listen(server.url);
    expect(await told.first(isHello)).not.toHaveProperty("blind");
    const reader = Bun.spawn(["sh", "-c", "read -r line < w/secret; read -r wait"], {
      cwd: dir.path,
      stdin: "pipe",
    });
    const touch = await told.first(
      (message): message is Touch & { id: number } =>
        message.type === "touch" && message.who?.pid === reader.pid,
    );
    expect(touch).toMatchObject({
      what: ["open"],
      root: 0,
      path: "secret",
      who: { name: expect.stringMatching(/^(sh|dash|bash)$/) },
    });
    reader.stdin.end();
    await reader.exited;
  });

  const drops = sees && Bun.which("setpriv") !== null;
  const without = drops ? "" : " (needs capabilities to give up, and setpriv)";
  test.skipIf(!drops)(
    `why it can't tell who did it without the privileges, and the rest${without}`,
    async () => {
      using dir = tempDir();
      await using server = await serve([...ANY, dir.path], {
        cwd: dir.path,
        through: ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"],
      });
      const told = await listen(server.url);
      const reason = "it takes CAP_SYS_ADMIN, which root has";
      expect(await told.first(isHello)).toMatchObject({ blind: reason, backend: "inotify" });
      writeFileSync(dir.at("file"), "");
      expect(await told.first(isChangeOf("file"))).toMatchObject({ what: "create" });
      expect(server.process.stderr.text).toBe(
        `dashboard: who touches which file is not shown: ${reason}\n`,
      );
    },
  );
});

describe("examples/dashboard/server.ts goes on", () => {
  test("behind the last event that a client has seen; with everything for a client of another server", async () => {
    using dir = tempDir();
    await using server = await serve([...ANY, dir.path], { cwd: dir.path });
    const { url } = server;
    const before = await listen(url);
    const { epoch } = await before.first(isHello);
    writeFileSync(dir.at("one"), "");
    const { id } = await before.first(isChangeOf("one"));
    const resumed = [
      await listen(url, { "last-event-id": `${epoch}.${id}` }),
      connect(url, `${epoch}.${id}`).told,
    ];
    writeFileSync(dir.at("two"), "");
    for (const told of resumed) {
      await told.first(isChangeOf("two"));
      expect(told.messages[0]).toMatchObject({ type: "hello", epoch, resumed: true });
      expect(idsOf(told.messages)[0]).toBe(id + 1);
    }
    // One from another epoch, from the future, and no id at all.
    for (const last of [`${epoch}x.1`, `${epoch}.999999`, "nonsense"]) {
      const { told, socket } = connect(url, last);
      await told.first(isChangeOf("one"));
      expect(told.messages[0]).toMatchObject({ type: "hello", epoch, resumed: false });
      expect(idsOf(told.messages)[0]).toBe(1);
      socket.close();
    }
  });
});

test("examples/dashboard/server.ts keeps as many events as it was told to, the latest", async () => {
  using dir = tempDir();
  const args = [...ANY, "--keep", "8", "--no-touches", dir.path];
  await using server = await serve(args, { cwd: dir.path });
  const before = await listen(server.url);
  await before.first(isHello);
  for (let n = 0; n < 20; n++) {
    symlinkSync("nowhere", dir.at(`link-${n}`));
    await before.first(isChangeOf(`link-${n}`));
  }
  const { told, socket } = connect(server.url);
  symlinkSync("nowhere", dir.at("last"));
  for (const client of [before, told]) await client.first(isChangeOf("last"));
  expect(lostOf(before.messages)).toBe(0);
  // Some of them are samples.
  const [all = [], late = []] = [before, told].map(({ messages }) =>
    messages.slice(0, messages.findIndex(isChangeOf("last")) + 1).filter((one) => "id" in one),
  );
  expect(late.length).toBeGreaterThan(0);
  expect(late.length).toBeLessThan(all.length);
  expect(late).toEqual(all.slice(-late.length));
  socket.close();
});

describe("examples/dashboard/server.ts lets a client that does not read lose its own oldest events", () => {
  const upgrade = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  test("and says how many, by either transport", async () => {
    using dir = tempDir();
    mkdirSync(dir.at("w"));
    const args = [...ANY, "--keep", "2000", "--no-touches", dir.at("w")];
    await using server = await serve(args, { cwd: dir.path });
    const fast = await listen(server.url);
    await fast.first(isHello);
    const clients = [
      [await paused(server.url, "/events", []), serverSentIn],
      [await paused(server.url, "/socket", upgrade), framesIn],
    ] as const;
    // More than the buffers between two processes hold, in parts that the fast one has read before the next.
    writeFileSync(dir.at("file"), "");
    for (let part = 0; part < 20; part++) {
      for (let n = 0; n < 300; n++)
        linkSync(dir.at("file"), dir.at("w", `${part}-${n}-`.padEnd(240, "\x01")));
      writeFileSync(dir.at("w", `part-${part}`), "");
      await fast.first(isChangeOf(`part-${part}`));
    }
    writeFileSync(dir.at("w/last"), "");
    await fast.first(isChangeOf("last"));
    expect(lostOf(fast.messages)).toBe(0);
    for (const [client, messagesIn] of clients) {
      const slow = messagesIn(await client.resume('"path":"last"'));
      client.end();
      expect(lostOf(slow)).toBeGreaterThan(0);
    }
  });
});

describe("examples/dashboard/server.ts lets in", () => {
  const token = "correct horse battery".replaceAll(" ", "-");
  const status = async (url: URL, path: string, headers: Record<string, string> = {}) =>
    (await fetch(new URL(path, url), { headers })).status;

  test("on this machine everybody, but no other site's page", async () => {
    using dir = tempDir();
    await using server = await serve([...ANY, dir.path], { cwd: dir.path });
    const { url } = server;
    expect(await status(url, "/session")).toBe(204);
    expect(await status(url, "/session", { host: `localhost:${url.port}` })).toBe(204);
    expect(await status(url, "/session", { origin: url.origin })).toBe(204);
    for (const path of ["/session", "/events", "/file?root=0&path=", "/socket"]) {
      expect(await status(url, path, { host: `rebound.example:${url.port}` })).toBe(403);
      expect(await status(url, path, { origin: "http://other.example" })).toBe(403);
      expect(await status(url, path, { origin: `http://localhost:${url.port}` })).toBe(403);
      expect(await status(url, path, { origin: "null" })).toBe(403);
    }
    expect(await status(url, "/socket")).toBe(426);
    expect(await status(url, "/nothing")).toBe(404);
  });

  test("whoever has the token: as a header, in the address, or by the cookie for it", async () => {
    using dir = tempDir();
    const env = { DASHBOARD_TOKEN: token };
    await using server = await serve([...ANY, dir.path], { cwd: dir.path, env });
    const { url } = server;
    for (const path of ["/session", "/events", "/file?root=0&path=", "/socket"]) {
      expect(await status(url, path)).toBe(401);
      expect(await status(url, path, { authorization: `Bearer ${token}x` })).toBe(401);
      expect(await status(url, path, { cookie: `dashboard-${url.port}=${token}` })).toBe(401);
    }
    expect(await status(url, `/session?token=${token.slice(1)}`)).toBe(401);
    expect(await status(url, "/session", { authorization: `Bearer ${token}` })).toBe(204);
    expect(await status(url, `/file?root=0&path=&token=${token}`)).toBe(200);
    // Its page has nothing to hide.
    expect(await status(url, "/")).toBe(200);

    const login = (body: string): Promise<Response> =>
      fetch(new URL("/session", url), { method: "POST", body });
    const denied = await login("wrong");
    expect([denied.status, denied.headers.get("set-cookie")]).toEqual([401, null]);
    const cookie = (await login(token)).headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect(cookie).not.toContain(token);
    const [pair = ""] = cookie.split(";");
    expect(await status(url, "/session", { cookie: pair })).toBe(204);
    expect(await status(url, "/session", { cookie: pair, origin: "http://other.example" })).toBe(
      403,
    );
  });

  test("from elsewhere nobody without a token, which is made and printed", async () => {
    using dir = tempDir();
    const args = [...ANY, "--host", "0.0.0.0", dir.path];
    await using server = await serve(args, { cwd: dir.path });
    const url = new URL(server.url.href.replace("0.0.0.0", "127.0.0.1"));
    const made = /^#token=([\w-]{32})$/.exec(url.hash)?.[1] ?? "";
    expect(await status(url, "/session")).toBe(401);
    expect(await status(url, "/session", { authorization: `Bearer ${made}` })).toBe(204);
  });
});

test("examples/dashboard/server.ts says nothing of what is outside of the watched directories", async () => {
  using dir = tempDir();
  mkdirSync(dir.at("w/deep"), { recursive: true });
  writeFileSync(dir.at("w/deep/file"), "hello");
  writeFileSync(dir.at("secret"), "secret");
  symlinkSync("..", dir.at("w/up"));
  symlinkSync("/etc/passwd", dir.at("w/link"));
  await using server = await serve([...ANY, dir.at("w")], { cwd: dir.path });
  const ask = async (root: string, path: string): Promise<unknown> => {
    const query = new URLSearchParams({ root, path });
    const response = await fetch(new URL(`/file?${query.toString()}`, server.url));
    return response.ok ? await response.json() : response.status;
  };
  expect(await ask("0", "deep/file")).toMatchObject({ kind: "file", size: 5 });
  expect(await ask("0", "")).toMatchObject({ kind: "directory" });
  // The link itself, and not what it leads to.
  expect(await ask("0", "link")).toMatchObject({ kind: "symlink", size: "/etc/passwd".length });
  for (const path of [
    "../secret",
    "deep/../../secret",
    "up/secret",
    "up",
    "up/w/deep/file",
    dir.at("secret"),
    "/etc/passwd",
    `../${basename(dir.path)}/secret`,
    "deep//file",
    "./deep",
    "deep/",
    "deep/file/x",
    "deep/file\0",
    "nothing",
  ])
    expect([path, await ask("0", path)]).toEqual([
      path,
      path === "up" ? expect.objectContaining({ kind: "symlink" }) : 404,
    ]);
  for (const root of ["1", "-1", "0.5", "", "x", "__proto__"])
    expect([root, await ask(root, "deep/file")]).toEqual([root, 404]);
});

test("examples/dashboard/server.ts ends at SIGTERM with 0, and every stream with an end", async () => {
  using dir = tempDir();
  await using server = await serve([...ANY, dir.path], { cwd: dir.path });
  const { url, process: child } = server;
  const sent = await listen(url);
  const { told, closed } = connect(url);
  await sent.first(isHello);
  await told.first(isHello);
  // One that does not read holds up nobody.
  const client = await paused(url, "/events", []);
  child.signal("SIGTERM");
  const { code } = await closed;
  await sent.over();
  for (const { messages } of [sent, told]) {
    expect(messages.at(-1)).toEqual({ type: "end", reason: "SIGTERM" });
    expect(messages.some((one) => one.type === "signal" && one.signal === "SIGTERM")).toBe(true);
  }
  expect(code).toBe(1001);
  expect(await child.end()).toBe(0);
  client.end();
});

describe("examples/dashboard/server.ts says what is wrong:", () => {
  /** Runs it to its end. */
  async function fails(
    args: readonly string[],
    options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
  ): Promise<{ readonly exitCode: number | NodeJS.Signals; readonly stderr: string }> {
    await using server = Butter.start(args, { ...options, program: [bun, example] });
    const exitCode = await server.end();
    expect(server.stdout.text).toBe("");
    return { exitCode, stderr: server.stderr.text };
  }

  test("a port that is taken, a directory that is none", async () => {
    using dir = tempDir();
    writeFileSync(dir.at("file"), "");
    await using other = await serve([...ANY, "."], { cwd: dir.path });
    const { port } = other.url;
    expect(await fails(["--port", port, "."], { cwd: dir.path })).toEqual({
      exitCode: 1,
      stderr: `dashboard: cannot listen on 127.0.0.1, port ${port}: something else does, --port takes another one, or 0 for any\n`,
    });
    expect(await fails([...ANY, ".", "nowhere"], { cwd: dir.path })).toEqual({
      exitCode: 1,
      stderr: 'dashboard: cannot watch "nowhere": there is no such directory\n',
    });
    expect(await fails([...ANY, "file"], { cwd: dir.path })).toEqual({
      exitCode: 1,
      stderr: 'dashboard: cannot watch "file": it is not a directory\n',
    });
  });

  test.each([
    [["--port", "65536"], {}, '--port takes a number from 0 to 65535, not "65536"'],
    [["--keep", "0"], {}, '--keep takes a number from 1 to 1000000, not "0"'],
    [["--prot", "1"], {}, "Unknown option '--prot'"],
    [[], { DASHBOARD_TOKEN: "short" }, "DASHBOARD_TOKEN takes 16 characters or more"],
  ] as const)("%j", async (args, env, problem) => {
    using dir = tempDir();
    const { exitCode, stderr } = await fails(args, { cwd: dir.path, env });
    const usage = "usage: server.ts [OPTION]… [DIR]…, and --help tells the options\n";
    expect(stderr).toStartWith(`${usage}${problem}`);
    expect(exitCode).toBe(2);
  });
});
