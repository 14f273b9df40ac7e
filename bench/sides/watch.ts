/** watch.ts start|latency|storm|race|stall|departure|backlog|flood inotify|fanotify[+busyPoll] DIR [EVENTS]: `watch()` and what it costs. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Watcher } from "bun-butter/watch";

import { now } from "./clock.ts";
import { resident } from "./memory.ts";
import { Turns } from "./turns.ts";

const [, , way, how = "", dir = "", count] = process.argv;
const [backend, option] = how.split("+");
/** More than the writers' pauses, so that it is never asleep. */
const awake = option === undefined ? {} : { busyPoll: 20 };
const options = { backend: backend as "inotify", ...awake };
const empty = way === "start" ? await resident() : 0;
const { watch } = await import("bun-butter/watch");
/** Directories of files that are made before they are read. */
const QUEUED_IN = 200;
/** Files that are watched before, and their directories. */
const WARM = 2000;
const WARM_IN = 40;
/** Files of a storm. */
const STORM = 5000;
const print = (result: object): void => console.log(JSON.stringify(result));

/** User and system time in ms. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

async function start(): Promise<void> {
  const before = cpu();
  const begin = performance.now();
  using watcher = watch(dir, options);
  await watcher.ready;
  const ready = performance.now() - begin;
  await watcher.indexed;
  const time = performance.now() - begin;
  const used = cpu() - before;
  const memory = (await resident()) - empty;
  print({
    ready,
    time,
    cpu: used,
    memory: memory / 1024,
    index: watcher.watched.memory / 2 ** 20,
    ...(await rescan(watcher)),
  });
}

/**
 * Two files take turns, so that no event is merged with the one before. All of them are told, and that some were lost: from then on
 * it is the rescan that takes time.
 */
async function rescan(watcher: Watcher): Promise<object> {
  const files = ["one", "two"].map((name) => join(dir, name));
  for (const file of files) writeFileSync(file, "");
  // What was watched at the start is known to be what was read, as it mostly is when an overflow comes.
  await watcher.sync();
  const limit = Number(readFileSync("/proc/sys/fs/inotify/max_queued_events", "utf8"));
  for (let turn = 0; turn <= limit; turn++) utimesSync(files[turn % 2] ?? "", 1, turn);
  // fanotify merges what happens to the same file: then nothing overflows, and nothing is scanned.
  if (watcher.watched.backend === "fanotify") return {};
  const first = performance.now();
  for await (const batch of watcher.batches())
    if (batch.some(({ type }) => type === "overflow")) break;
  const before = cpu();
  const begin = performance.now();
  await watcher.sync();
  const end = performance.now();
  return { queued: begin - first, rescan: end - begin, rescanCpu: cpu() - before };
}

async function latency(): Promise<void> {
  const delays: number[] = [];
  now();
  using watcher = watch(dir, options);
  await watcher.ready;
  console.log("ready");
  const before = cpu();
  for await (const { type, path } of watcher) {
    if (type !== "create") continue;
    delays.push(now() - Number(path.slice(path.lastIndexOf("/") + 1)));
    if (delays.length === Number(count)) break;
  }
  print({ cpu: cpu() - before, delays });
}

async function storm(): Promise<void> {
  using watcher = watch(dir, options);
  await watcher.ready;
  console.log("ready");
  const before = cpu();
  let events = 0;
  let overflows = 0;
  let wakeups = 0;
  for await (const batch of watcher.batches()) {
    wakeups++;
    events += batch.length;
    for (const event of batch) if (event.type === "overflow") overflows++;
    const last = batch.at(-1);
    if (last?.type === "delete" && last.path.endsWith("/END")) break;
  }
  print({ cpu: cpu() - before, events, overflows, wakeups });
}

async function race(): Promise<void> {
  using watcher = watch(dir, options);
  await watcher.ready;
  console.log("ready");
  const seen = new Set<string>();
  for await (const { path } of watcher) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (name.startsWith("file-")) seen.add(name);
    if (name === "END") break;
  }
  await watcher.sync();
  for (const { path } of watcher.readEventsSync()) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (name.startsWith("file-")) seen.add(name);
  }
  print({ seen: seen.size });
}

/** Loads all code, as a process has that watches something already, and lets the engine compile it. */
async function warm(): Promise<void> {
  const small = mkdtempSync(join(tmpdir(), "butter-bench-"));
  for (let at = 0; at < WARM; at++) {
    const path = join(small, `${at % WARM_IN}`);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, `${at}`), "");
  }
  using watcher = watch(small, stallOptions);
  writeFileSync(join(small, "second"), "");
  for await (const batch of watcher.batches())
    if (batch.some(({ path }) => path.endsWith("/second"))) break;
  rmSync(small, { recursive: true });
}

const stallOptions = { ...options, initial: count !== undefined };

/** Times the turns of the event loop until everything is watched, or with a count is told of. */
async function stall(): Promise<void> {
  await warm();
  const turns = new Turns();
  using watcher = watch(dir, stallOptions);
  let left = Number(count ?? 0);
  if (left > 0) for await (const { length } of watcher.batches()) if ((left -= length) <= 0) break;
  await watcher.indexed;
  print(turns.end());
}

/** The same until a directory that has left is gone with all that was in it: it was read before, or it was not. */
async function departure(): Promise<void> {
  await warm();
  using watcher = watch(dir, options);
  if (count !== "unread") await watcher.indexed;
  const turns = new Turns();
  const out = `${dir}-out`;
  renameSync(join(dir, "full"), out);
  for await (const batch of watcher.batches())
    if (batch.some(({ type, path }) => type === "delete" && path.endsWith("/full"))) break;
  print(turns.end());
  renameSync(out, join(dir, "full"));
}

/** The same until all is told of so many files that were made before the tree was read. */
async function backlog(): Promise<void> {
  await warm();
  const root = mkdtempSync(join(dir, "queued-"));
  for (let at = 0; at < QUEUED_IN; at++) mkdirSync(join(root, `${at}`));
  using watcher = watch(root, options);
  let left = Number(count);
  for (let at = 0; at < left; at++) writeFileSync(join(root, `${at % QUEUED_IN}`, `${at}`), "");
  const turns = new Turns();
  for await (const batch of watcher.batches()) {
    left -= batch.filter(({ type }) => type === "create").length;
    if (left <= 0) break;
  }
  print(turns.end());
  rmSync(root, { recursive: true });
}

/** The same until all is told of so many files that were renamed in a tree that is known. */
async function flood(): Promise<void> {
  await warm();
  const root = mkdtempSync(join(dir, "flood-"));
  const path = (at: number): string => join(root, `${at % QUEUED_IN}`, `${at}`);
  for (let at = 0; at < QUEUED_IN; at++) mkdirSync(join(root, `${at}`));
  for (let at = 0; at < STORM; at++) writeFileSync(path(at), "");
  using watcher = watch(root, options);
  await watcher.indexed;
  await watcher.sync();
  watcher.readEventsSync();
  for (let at = 0; at < STORM; at++) renameSync(path(at), `${path(at)}-new`);
  let left = STORM;
  const turns = new Turns();
  for await (const batch of watcher.batches()) {
    left -= batch.filter(({ type }) => type === "rename").length;
    if (left <= 0) break;
  }
  print(turns.end());
  rmSync(root, { recursive: true });
}

await { start, latency, storm, race, stall, departure, backlog, flood }[way as "start"]();
process.exit();
