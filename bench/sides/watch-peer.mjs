/**
 * watch-peer.mjs chokidar|parcel|fs start|latency|storm|race DIR [EVENTS] [MODULES]: other watchers of trees, in Bun or in
 * Node. `fs.watch` says not when it is ready: then a file at the end of the tree is touched until it is told of.
 */
import { utimesSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [, , kind, way, dir, count, modules] = process.argv;
const isBun = process.versions.bun !== undefined;
const now = isBun ? (await import("./clock.ts")).now : () => Number(process.hrtime.bigint());
const resident = async () => {
  if (isBun) return (await import("./memory.ts")).resident();
  return process.memoryUsage.rss() / 1024;
};
const print = (result) => console.log(JSON.stringify(result));
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
};
const load = async (name) => import(createRequire(`${modules}/package.json`).resolve(name));

const empty = way === "start" ? await resident() : 0;
const library =
  kind === "fs"
    ? await import("node:fs")
    : await load(kind === "parcel" ? "@parcel/watcher" : "chokidar");

/** Starts watching, and calls `told` with each path of something that was made or changed. */
const kinds = {
  chokidar: (told) =>
    new Promise((resolve) => {
      const watcher = library.watch(dir, { ignoreInitial: true });
      watcher.on("all", (_, path) => told(path)).on("ready", resolve);
    }),
  parcel: (told) =>
    (library.default ?? library).subscribe(
      dir,
      (_, events) => {
        for (const { type, path } of events ?? []) if (type !== "delete") told(path);
      },
      { backend: "inotify" },
    ),
  async fs(told) {
    library.watch(dir, { recursive: true }, (_, path) => told(path ?? ""));
  },
};

/** Touches the last file of the tree again and again. */
function probe() {
  const file = join(dir, "directory-19/directory-9/directory-98/file-4.txt");
  const touch = () => {
    const time = Date.now() / 1e3;
    utimesSync(file, time, time);
    writeFileSync(file, "x");
    timer = setTimeout(touch, 5);
  };
  let timer = setTimeout(touch, 0);
  return () => clearTimeout(timer);
}

async function start() {
  const before = cpu();
  const begin = performance.now();
  let arrived = () => {};
  await kinds[kind]((path) => path.endsWith("directory-98/file-4.txt") && arrived());
  if (kind === "fs") {
    const stop = probe();
    await new Promise((resolve) => (arrived = resolve));
    stop();
  }
  const time = performance.now() - begin;
  const used = cpu() - before;
  print({ time, cpu: used, memory: ((await resident()) - empty) / 1024 });
  process.exit();
}

async function latency() {
  const delays = [];
  let last = "";
  now();
  const before = cpu();
  await kinds[kind]((path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (name === last || !/^\d+$/.test(name)) return;
    last = name;
    delays.push(now() - Number(name));
    if (delays.length < Number(count)) return;
    print({ cpu: cpu() - before, delays });
    process.exit();
  });
  console.log("ready");
}

async function storm() {
  await kinds[kind](() => {});
  console.log("ready");
}

/** Some tell late: what comes within a second of END still counts. */
async function race() {
  const seen = new Set();
  await kinds[kind]((path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (name.startsWith("file-")) seen.add(name);
    if (name === "END") setTimeout(() => (print({ seen: seen.size }), process.exit()), 1000);
  });
  console.log("ready");
}

await { start, latency, storm, race }[way]();
