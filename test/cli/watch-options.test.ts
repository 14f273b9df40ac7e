/** The command line of `butter watch`: what it means, and what makes no sense. */
import { expect, test } from "bun:test";

import { UsageError } from "../../src/cli/command.ts";
import { openWatcher } from "../../src/cli/watch-open.ts";
import { watchOptions } from "../../src/cli/watch-options.ts";

test("watchOptions() of a path alone is everything below it, every event, and no end", () => {
  expect(watchOptions(["src"])).toEqual({
    paths: ["src"],
    events: new Set(["create", "change", "delete", "rename", "attributes"]),
    ignore: [],
    gitignore: false,
    depth: Infinity,
    followSymlinks: false,
    initial: false,
    modify: false,
    atomic: false,
    settle: undefined,
    poll: 0,
    busyPoll: undefined,
    stats: false,
    backend: "auto",
    since: undefined,
    snapshot: undefined,
    now: false,
    json: false,
    quiet: false,
    exec: undefined,
    restart: false,
    count: Infinity,
    timeout: Infinity,
  });
});

test("watchOptions() takes every option, in short as well", () => {
  const short = ["-e", "Create,DELETE", "-i", "*.log", "-i", "docs/**", "-g", "-d", "0", "-sjqrL"];
  const args = [
    ...short,
    "-x",
    "make",
    "-n",
    "3",
    "-t",
    ".5",
    "--initial",
    "--modify",
    "--backend=inotify",
    "--settle=200ms",
    "--poll=2s",
    "--busy-poll=1s",
  ];
  expect(watchOptions([...args, "--atomic", "--now", "--", "-w", "other"])).toEqual({
    paths: ["-w", "other"],
    events: new Set(["create", "delete"]),
    ignore: ["*.log", "docs/**"],
    gitignore: true,
    depth: 0,
    followSymlinks: true,
    initial: true,
    modify: true,
    atomic: true,
    settle: 200,
    poll: 2000,
    busyPoll: 1000,
    stats: true,
    backend: "inotify",
    since: undefined,
    snapshot: undefined,
    now: true,
    json: true,
    quiet: true,
    exec: "make",
    restart: true,
    count: 3,
    timeout: 500,
  });
});

const whole = "is not a whole number of at least";

test.each([
  [[], "Cannot watch nothing: name at least one directory or file"],
  [["a", ""], "Cannot watch a path that is empty"],
  [
    ["-e", "create,wash"],
    'Cannot take --event: "wash" is none of create, change, delete, rename, attributes',
  ],
  [["--backend", "x"], 'Cannot take --backend: "x" is none of auto, inotify, fanotify'],
  [["-i", ""], "Cannot take --ignore: the glob is empty"],
  [["-d", "-1"], /^Cannot take -d: a value that begins with "-" needs "=": -d=VALUE/],
  [["--depth=-1"], `Cannot take --depth: "-1" ${whole} 0`],
  [["-d", "1.5"], `Cannot take --depth: "1.5" ${whole} 0`],
  [["-n", "0"], `Cannot take --count: "0" ${whole} 1`],
  [["-n", "1e3"], `Cannot take --count: "1e3" ${whole} 1`],
  [["--timeout=-1"], 'Cannot take --timeout: "-1" is not a number of seconds of at least 0'],
  [
    ["--timeout", "-1"],
    /^Cannot take --timeout: a value that begins with "-" needs "=": --timeout=VALUE/,
  ],
  [
    ["-t", "Infinity"],
    'Cannot take --timeout: "Infinity" is not a number of seconds of at least 0',
  ],
  [["--timeout"], "Cannot take --timeout: its value is missing"],
  [["--once=1"], "Cannot take --once: it takes no value"],
  [["--once", "--count", "2"], "Cannot take --once and --count together: --once is --count 1"],
  [["--poll", "often"], /^Cannot take --poll: "often" is not a time such as 500ms or 1\.5h, /],
  [["--busy-poll", "-1"], /^Cannot take --busy-poll: a value that begins with "-" needs "=": /],
  [
    ["--busy-poll", "soon"],
    /^Cannot take --busy-poll: "soon" is not a time such as 500ms or 1\.5h, /,
  ],
  [["--settle", "soon"], /^Cannot take --settle: "soon" is not a time such as 500ms or 1\.5h, /],
  [["--restart"], "Cannot take --restart: there is no --exec whose command it would end"],
  [["--exec", " "], "Cannot take --exec: the command is empty"],
  [["--since="], "Cannot take --since: the file's name is empty"],
  [["--snapshot", ""], "Cannot take --snapshot: the file's name is empty"],
  [["--initial", "--since", "f"], /^Cannot take --initial and --since together: /],
  [["--once", "--snapshot", "f"], /^Cannot take --snapshot with --count or --once: /],
  [["--now"], /^Cannot take --now: without --initial, --since or --snapshot /],
  [["-q=1", "src"], 'Cannot take "=" behind letters: a value follows its letter, as in -n5'],
  [["--frobnicate"], /^Cannot take --frobnicate: there is no such option \(what begins with "-" /],
] as const)("watchOptions(%j) says what is wrong", (args, message) => {
  const parse = () => watchOptions(args.length === 0 ? [] : ["w", ...args]);
  expect(parse).toThrow(UsageError);
  if (typeof message === "string") expect(parse).toThrow(new UsageError(message));
  else expect(parse).toThrow(message);
});

test.each([
  [["--ignore={a", "."], 'Cannot take --ignore: "{a" does not end its "{"'],
  [["--ignore=/tmp/x", "/tmp"], "Cannot take --ignore: globs begin below what is watched"],
  [["--settle=99999d", "."], "Cannot take --settle: 8639913600000 is not between"],
  [["--poll=99999d", "."], "Cannot take --poll: 8639913600000 is not between"],
])("openWatcher() of %j names the option as it was given", (args, message) => {
  const options = watchOptions(args);
  if (options === undefined) throw new Error("it asks for help");
  expect(() => openWatcher(options)).toThrow(message);
  expect(() => openWatcher(options)).toThrow(UsageError);
});
