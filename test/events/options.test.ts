/** Names of options that there are not are an error, whatever takes options. */
import { afterAll, describe, expect, test } from "bun:test";

import {
  bindMount,
  changesSince,
  Eventfd,
  Fanotify,
  Inotify,
  Memfd,
  mount,
  overlay,
  pages,
  Pidfd,
  pipe,
  poll,
  Pressure,
  pump,
  remount,
  setPropagation,
  Signalfd,
  snapshot,
  spawn,
  tee,
  Timerfd,
  tmpfs,
  watch,
} from "bun-butter";
import { record, signals, tempTree } from "bun-butter/testing";

import { checkNames } from "../../src/events/options.ts";
import { Mount } from "../../src/system/mount.ts";
import { emulated } from "../support/capabilities.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { entryPoints, exportsOf } from "../support/source.ts";
import { tempDir } from "../support/temp.ts";

const temp = tempDir();
const dir = temp.path;
const eventfd = new Eventfd();
const timer = new Timerfd();
const memfd = new Memfd("options", { size: 1 });
const fanotify = emulated ? undefined : new Fanotify();

afterAll(() => {
  fanotify?.close();
  memfd.close();
  timer.close();
  eventfd.close();
  temp[Symbol.dispose]();
});

type Taker = readonly [
  /** The type of the options. */
  type: string,
  /** Nearly the name of one. */
  mistyped: string,
  /** That name. */
  meant: string,
  /** Does what takes them. */
  take: (options: object) => unknown,
];

/** Each throws or rejects before it does anything. */
const takers: readonly Taker[] = [
  ["WatchOptions", "ignored", "ignore", (options) => watch(dir, options)],
  ["WatchOptions", "ignoreInitial", "initial", (options) => watch(dir, options)],
  [
    "WatchSettle",
    "quite",
    "settle.quiet",
    (settle) => watch(dir, { settle: { quiet: 1, ...settle } }),
  ],
  ["SnapshotOptions", "ignores", "ignore", (options) => snapshot(dir, options)],
  [
    "SnapshotOptions",
    "gitIgnore",
    "gitignore",
    (options) => changesSince({ version: 1, path: dir, tree: undefined }, options),
  ],
  ["EventSourceOptions", "letency", "latency", (options) => Eventfd.adopt(-1, options)],
  ["EventfdOptions", "semaphor", "semaphore", (options) => new Eventfd(options)],
  ["FanotifyOptions", "decideTimeOut", "decideTimeout", (options) => new Fanotify(options)],
  ["FanotifyOptions", "signals", "signal", (options) => Fanotify.adopt(-1, options)],
  ["InotifyOptions", "latenci", "latency", (options) => new Inotify(options)],
  ["InotifyOptions", "signl", "signal", (options) => Inotify.adopt(-1, options)],
  ["PidfdOptions", "singal", "signal", (options) => new Pidfd(process.pid, options)],
  ["PidfdOptions", "signall", "signal", (options) => Pidfd.adopt(-1, options)],
  ["PressureOptions", "stal", "stall", (options) => new Pressure("cpu", options)],
  ["PressureScope", "cgroups", "cgroup", (scope) => Pressure.read("cpu", scope)],
  ["SignalfdOptions", "Latency", "latency", (options) => new Signalfd([], options)],
  ["TimerfdOptions", "acuracy", "accuracy", (options) => Timerfd.every(10, options)],
  ["TimerfdOptions", "clok", "clock", (options) => new Timerfd(options)],
  ["TimerfdAdoptOptions", "mised", "missed", (options) => Timerfd.adopt(-1, options)],
  ["TimerfdSetting", "intervall", "interval", (setting) => timer.set(setting)],
  ["WaitOptions", "timeOut", "timeout", (options) => eventfd.wait(options)],
  ["WaitOptions", "time", "timeout", (options) => eventfd.readEvents(options)],
  ["WaitOptions", "tiemout", "timeout", (options) => poll(eventfd, "in", options)],
  ["WaitOptions", "timeuot", "timeout", (options) => Inotify.once(dir, undefined, options)],
  ["MemfdOptions", "sealeable", "sealable", (options) => new Memfd("options", options)],
  ["MemfdMapOptions", "readOnly", "readonly", (options) => memfd.map(options)],
  ["PipeOptions", "capacty", "capacity", (options) => pipe(options)],
  [
    "give()",
    "abortSignal",
    "",
    async (options) => {
      using p = pipe();
      using block = pages(4096);
      await p.writer.give(block, options);
    },
  ],
  ["PumpOptions", "onprogress", "onProgress", (options) => pump(-1, -1, options)],
  ["TeeOptions", "onProgres", "onProgress", (options) => tee(-1, [-1], options)],
  [
    "MountOptions",
    "flag",
    "flags",
    (options) => mount({ type: "tmpfs", target: "/nowhere", ...options }),
  ],
  [
    "BindMountOptions",
    "recursiv",
    "recursive",
    (options) => bindMount({ source: "/nowhere", target: "/nowhere", ...options }),
  ],
  [
    "OverlayOptions",
    "uper",
    "upper",
    (options) => overlay({ lower: ["/nowhere"], target: "/nowhere", ...options }),
  ],
  ["TmpfsOptions", "sizes", "size", (options) => tmpfs({ target: "/nowhere", ...options })],
  ["RemountOptions", "option", "options", (options) => remount("/nowhere", options)],
  ["UnmountOptions", "detatch", "detach", (how) => new Mount("/nowhere", []).unmount(how)],
  [
    "setPropagation()",
    "recursively",
    "recursive",
    (options) => setPropagation("/nowhere", "private", options),
  ],
  ["SpawnNamespaceOptions", "namespace", "namespaces", (options) => spawn(["true"], options)],
  [
    "SpawnMount",
    "sorce",
    "mounts[0].source",
    (options) =>
      spawn(["true"], {
        namespaces: ["mount"],
        mounts: [{ target: "/nowhere", type: "tmpfs", ...options }],
      }),
  ],
  ["RecordOptions", "recusive", "recursive", (options) => record(dir, options)],
  [
    "NextOptions",
    "timeouts",
    "timeout",
    async (options) => {
      using rec = await record(dir);
      await rec.next("create", "nothing", options);
    },
  ],
  ["SignalWaitOptions", "timout", "timeout", (options) => signals.send("SIGUSR1", 0, options)],
  ["TempTreeOptions", "parrent", "parent", (options) => tempTree({}, options)],
  ...(fanotify === undefined
    ? []
    : ([
        [
          "FanotifyMarkOptions",
          "folow",
          "follow",
          (options) => fanotify.mark(dir, "create", options),
        ],
        [
          "FanotifyMarkOptions",
          "scop",
          "scope",
          (options) => fanotify.unmark(dir, "create", options),
        ],
      ] satisfies readonly Taker[])),
];

/** What is thrown, or rejected with. */
async function failure(take: () => unknown): Promise<unknown> {
  try {
    return new Error(`returned ${Bun.inspect(await take())}`);
  } catch (error) {
    return error;
  }
}

describe("a name that there is not", () => {
  test.each(takers)("%s: %s", async (_, mistyped, meant, take) => {
    const error = await failure(() => take({ [mistyped]: 1 }));
    expect(error).toBeInstanceOf(TypeError);
    const { message } = error as TypeError;
    expect(message).toContain(`${mistyped}: there is no such option, `);
    expect(message).toEndWith(meant === "" ? "only signal" : `did you mean ${meant}?`);
  });

  test.each(takers.filter(([type]) => !type.startsWith("Spawn")))(
    "%s: one that is near to none",
    async (type, _mistyped, _meant, take) => {
      const error = await failure(() => take({ xyzzyx: 1 }));
      const path = type === "WatchSettle" ? "settle.xyzzyx" : "xyzzyx";
      expect(error).toBeInstanceOf(TypeError);
      expect((error as TypeError).message).toStartWith(
        `Cannot take ${path}: there is no such option, only `,
      );
    },
  );

  test("all types of options are among them, if their names are ours", () => {
    const types = [...entryPoints().values()].flatMap((file) =>
      [...exportsOf(file).values()].filter(({ type }) => type).map(({ name }) => name),
    );
    const taken = new Set(types.filter((name) => /(?:Options|Setting|Scope|Settle)$/.test(name)));
    for (const [type] of takers) taken.delete(type);
    // What mounts have in common; the file system's own; Bun's; what it can be and no options.
    const others = ["CommonMountOptions", "FileSystemOptions", "SpawnOptions", "FanotifyScope"];
    if (emulated) others.push("FanotifyMarkOptions");
    expect([...taken].toSorted()).toEqual(others.toSorted());
  });

  test("nothing stays open for it", async () => {
    const before = descriptorCount();
    for (let round = 0; round < 30; round++)
      for (const [, mistyped, , take] of takers) await failure(() => take({ [mistyped]: 1 }));
    expect(await descriptorsBackTo(before)).toBeLessThan(before + 30);
  });

  test("undefined is absent, and what is inherited is no option", async () => {
    using one = new Eventfd({ signals: undefined, __proto__: { latencies: 1 } } as object);
    one.add();
    expect(await one.readEvent()).toEqual({ value: 1n });
  });

  test("one of Object.prototype's is none either", () => {
    expect(() => new Eventfd({ toString: () => "" } as object)).toThrow("Cannot take toString: ");
  });

  test("spawn() leaves Bun's own alone, those that it does not know among them", async () => {
    const options = { cwd: "/", stdout: "ignore", lazy: false, whatever: 1 } as const;
    expect(await spawn(["true"], options).exited).toBe(0);
  });
});

describe("options that are no object", () => {
  /** Of the others an object is made here. */
  const spread = new Set(["SpawnNamespaceOptions", "SignalWaitOptions"]);
  const direct = takers.filter(
    ([type, , , take]) => !spread.has(type) && !`${take}`.includes("..."),
  );

  test.each(direct)("%s", async (_type, _mistyped, _meant, take) => {
    for (const [options, got] of [
      [null, "null"],
      [["ignore"], "an array"],
      [1, "1"],
      ["signal", '"signal"'],
      [() => {}, "a function"],
    ] as const) {
      const error = await failure(() => take(options as object));
      expect(error).toEqual(new TypeError(`Cannot take options: expected an object, got ${got}`));
    }
  });

  test("checkNames() says what they are the value of", () => {
    expect(() => checkNames([], {}, "settle")).toThrow(
      new TypeError("Cannot take settle: expected an object, got an array"),
    );
  });
});
