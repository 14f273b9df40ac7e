/** examples/fleet does what it says, with a real Redis server that is away at times. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

import { watch, type WatchEvent } from "bun-butter";

import { Butter } from "../support/butter.ts";
import { emulated } from "../support/capabilities.ts";
import { bun } from "../support/child.ts";
import { hasRedis, RedisServer } from "../support/redis.ts";
import { type TempDir, tempDir } from "../support/temp.ts";
import { listed, Model, treeOf } from "../support/watch.ts";

const examples = new URL("../../examples/fleet/", import.meta.url).pathname;
const needs = hasRedis ? "" : " (needs redis-server)";
const skip = !hasRedis || emulated;

interface Line {
  readonly machine: string;
  readonly seq: number;
  readonly again?: true;
  readonly missing?: number;
  readonly event: WatchEvent;
}

class Fleet implements AsyncDisposable {
  readonly dir: TempDir = tempDir();
  readonly redis: RedisServer;
  readonly #stack = new AsyncDisposableStack();

  private constructor(redis: RedisServer) {
    this.redis = redis;
    this.#stack.use(this.dir);
    this.#stack.use(redis);
    mkdirSync(this.dir.at("w"));
  }

  static async start(): Promise<Fleet> {
    return new Fleet(await RedisServer.start());
  }

  async agent(machine = "web1"): Promise<Butter> {
    const agent = this.#run("agent.ts", ["w", `${machine}.state`], { FLEET_MACHINE: machine });
    await agent.stdout.until((text) => text.startsWith("Watching w"));
    return agent;
  }

  consumer(name: string, env: Readonly<Record<string, string>> = {}): Butter {
    return this.#run("consumer.ts", ["builders", name], env);
  }

  #run(file: string, args: readonly string[], env: Readonly<Record<string, string>>): Butter {
    return this.#stack.use(
      Butter.start(args, {
        cwd: this.dir.path,
        program: [bun, examples + file],
        env: { REDIS_URL: this.redis.url, ...env },
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** What a consumer has printed, without a line that is cut. */
const linesOf = (...consumers: readonly Butter[]): Line[] =>
  consumers.flatMap(({ stdout: { text } }) =>
    text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line),
  );

/** Makes a file that nothing else makes, and waits until a consumer has handled it. */
async function handled({ dir }: Fleet, consumer: Butter): Promise<void> {
  const mark = `mark-${crypto.randomUUID()}`;
  writeFileSync(dir.at("w", mark), "");
  await consumer.stdout.until((text) => text.includes(`"change","path":"w/${mark}"`));
  await consumer.stdout.until((text) => text.endsWith("\n"));
}

/** The numbers that were handled, each once, in the order in which they were printed first. */
const numbersOf = (lines: readonly Line[]): number[] => [...new Set(lines.map(({ seq }) => seq))];

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

/** The tree that the events make. */
function modelOf(lines: readonly Line[]): readonly string[] {
  const model = new Model();
  model.apply(lines.map(({ event }) => event));
  return listed(model.entries);
}

const treeIn = ({ dir }: Fleet): readonly string[] =>
  listed(treeOf(dir.at("w"))).map((row) => row.slice(dir.path.length + 1));

test.skipIf(skip)(
  `examples/fleet brings the events of each machine to each group${needs}`,
  async () => {
    await using fleet = await Fleet.start();
    const agents = [await fleet.agent("web1"), await fleet.agent("web2")];
    const consumer = fleet.consumer("one");
    mkdirSync(fleet.dir.at("w/a"));
    writeFileSync(fleet.dir.at("w/a/draft"), "text");
    renameSync(fleet.dir.at("w/a/draft"), fleet.dir.at("w/a/final"));
    rmSync(fleet.dir.at("w/a"), { recursive: true });
    writeFileSync(fleet.dir.at("w/last"), "");
    const isThere = (text: string): boolean =>
      (text.match(/"change","path":"w\/last"/g) ?? []).length === 2;
    await consumer.stdout.until(isThere);
    for (const machine of ["web1", "web2"]) {
      const lines = linesOf(consumer).filter((line) => line.machine === machine);
      expect(lines.map(({ seq }) => seq)).toEqual(upTo(lines.length));
      expect(lines.filter(({ again, missing }) => again || missing)).toEqual([]);
      expect(modelOf(lines)).toEqual(treeIn(fleet));
    }
    // Two that count for one machine would use numbers twice.
    const older = agents.shift();
    agents.push(await fleet.agent("web1"));
    writeFileSync(fleet.dir.at("w/more"), "");
    expect(await older?.end()).toBe(1);
    expect(older?.stderr.text).toContain("TAKEN by another agent");
    for (const process of [...agents, consumer]) {
      process.signal("SIGTERM");
      expect(await process.end()).toBe(0);
      expect(process.stderr.text).toBe("");
    }
  },
  30_000,
);

test.skipIf(skip)(
  `a consumer that is killed goes on where it was, and another takes its entries over${needs}`,
  async () => {
    await using fleet = await Fleet.start();
    await fleet.agent();
    const consumers = [fleet.consumer("one")];
    const many = (from: number): void => {
      for (let n = from; n < from + 300; n++) writeFileSync(fleet.dir.at(`w/${n}`), "");
    };
    for (const name of ["one", "two"]) {
      const victim = consumers.at(-1);
      many(consumers.length * 1000);
      const before = victim?.stdout.text.length ?? 0;
      await victim?.stdout.until((text) => text.length > before);
      await victim?.[Symbol.asyncDispose]();
      consumers.push(fleet.consumer(name, name === "two" ? { FLEET_IDLE: "50" } : {}));
    }
    const [last] = consumers.slice(-1);
    if (last === undefined) throw new Error("There is no consumer");
    await handled(fleet, last);
    // What the dead one had in hand comes when it has been idle for long enough.
    const all = (): Line[] => linesOf(...consumers);
    const end = linesOf(last).at(-1)?.seq ?? 0;
    await last.stdout.until(() => numbersOf(all()).length >= end);
    expect(numbersOf(all()).toSorted((a, b) => a - b)).toEqual(upTo(end));
    expect(treeIn(fleet)).toEqual(modelOf(unique(all())));
    // Not all of it: what was acknowledged does not come again.
    expect(all().length).toBeLessThan(end + 2 * 100 + 1);
    last.signal("SIGTERM");
    expect(await last.end()).toBe(0);
  },
  30_000,
);

test.skipIf(skip)(
  `an agent that is killed tells what happened until it is back${needs}`,
  async () => {
    await using fleet = await Fleet.start();
    const first = await fleet.agent();
    const consumer = fleet.consumer("one");
    mkdirSync(fleet.dir.at("w/known/deep"), { recursive: true });
    await handled(fleet, consumer);
    for (let n = 0; n < 300; n++) writeFileSync(fleet.dir.at(`w/${n}`), "");
    renameSync(fleet.dir.at("w/known"), fleet.dir.at("w/moved"));
    // In the middle of them.
    await consumer.stdout.until((text) => text.includes('"path":"w/1"'));
    await first[Symbol.asyncDispose]();
    mkdirSync(fleet.dir.at("w/away"));
    writeFileSync(fleet.dir.at("w/away/file"), "");
    renameSync(fleet.dir.at("w/1"), fleet.dir.at("w/away/1"));
    // It may have been told of, and it is in no snapshot.
    rmSync(fleet.dir.at("w/2"));
    rmSync(fleet.dir.at("w/moved"), { recursive: true });
    await fleet.agent();
    await handled(fleet, consumer);
    const lines = linesOf(consumer);
    expect(lines.map(({ seq }) => seq)).toEqual(upTo(lines.length));
    expect(modelOf(lines)).toEqual(treeIn(fleet));
  },
  30_000,
);

test.skipIf(skip)(
  `an agent that is killed while the server is away sends what it had not sent${needs}`,
  async () => {
    await using fleet = await Fleet.start();
    const first = await fleet.agent();
    const consumer = fleet.consumer("one");
    // It waits for no answer, so what it finds next it writes down.
    await fleet.redis.kill();
    // Nothing will be left of it that could be compared.
    using journal = watch(fleet.dir.at("web1.state.log"), { modify: true });
    writeFileSync(fleet.dir.at("w/short"), "");
    while (!readFileSync(fleet.dir.at("web1.state.log"), "utf8").includes("w/short"))
      await journal.readEvents();
    rmSync(fleet.dir.at("w/short"));
    await first[Symbol.asyncDispose]();
    await fleet.redis.start();
    await fleet.agent();
    await handled(fleet, consumer);
    const lines = linesOf(consumer);
    expect(numbersOf(lines)).toEqual(upTo(lines.at(-1)?.seq ?? 0));
    const short = unique(lines).filter(({ event }) => event.path === "w/short");
    const types = short.map(({ event }) => event.type);
    expect([types[0], types.at(-1)]).toEqual(["create", "delete"]);
    expect(modelOf(unique(lines))).toEqual(treeIn(fleet));
  },
  30_000,
);

test.skipIf(skip)(
  `a server that is killed and comes back has everything, once${needs}`,
  async () => {
    await using fleet = await Fleet.start();
    const agent = await fleet.agent();
    const consumer = fleet.consumer("one");
    await handled(fleet, consumer);
    const writing = [1, 2, 3].map((n) => fleet.dir.at(`w/${n}`));
    writeFileSync(fleet.dir.at("w/before"), "");
    await fleet.redis.kill();
    for (const path of writing) writeFileSync(path, "");
    await agent.stderr.until((text) => text.includes("Redis is away"));
    await consumer.stderr.until((text) => text.includes("Redis is away"));
    await fleet.redis.start();
    await handled(fleet, consumer);
    const lines = linesOf(consumer);
    expect(numbersOf(lines)).toEqual(upTo(lines.at(-1)?.seq ?? 0));
    expect(modelOf(unique(lines))).toEqual(treeIn(fleet));
    expect(lines.filter(({ missing }) => missing)).toEqual([]);
  },
  30_000,
);

/** Each number once, in the order of the numbers. */
function unique(lines: readonly Line[]): readonly Line[] {
  const byNumber = new Map(lines.map((line) => [line.seq, line]));
  return [...byNumber.values()].toSorted((a, b) => a.seq - b.seq);
}
