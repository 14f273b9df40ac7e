/** Cases in which fanotify tells what happened. */
import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmdirSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";

import {
  FAN,
  Fanotify,
  type FanotifyEvents,
  type FanotifyMarkOptions,
  type FanotifyScope,
} from "bun-butter";
import { AT, AT_HANDLE, fd_info, name_to_handle_at, O, pipe2, statfs } from "bun-butter/syscalls";

import { kernel } from "./capabilities.ts";
import { run } from "./child.ts";
import type { Case, Disk } from "./ltp.ts";

const scopes: readonly FanotifyScope[] = ["inode", "mount", "filesystem"];

const since = (major: number, minor: number): string | undefined =>
  kernel(major, minor) ? undefined : `needs Linux ${major}.${minor}`;

/** Opens and closes. */
function open(path: string, flags = "r"): void {
  closeSync(openSync(path, flags));
}

/** Reads one byte through an open descriptor. */
function readOne(fd: number): void {
  readSync(fd, new Uint8Array(1), 0, 1, 0);
}

/** Directories `dir` and `dir/sub`, and files in them; `other` shows `dir` through another mount. */
function tree({ sh }: Disk): void {
  sh(
    "mkdir -p dir/sub other; echo >dir/file; echo >dir/file2; cp /bin/true dir/prog; mount --bind dir other",
  );
}

/** A mark as a row of a table. */
type Mark = readonly [path: string, scope: FanotifyScope, how?: FanotifyMarkOptions];

/** What is told of a file's or directory's open and, if it is a program, its execution. */
const ignoring: readonly (readonly [
  name: string,
  mark: Mark,
  ignore: Mark,
  event: string,
  told: string | undefined,
])[] = [
  ["a file, of a mount", ["dir", "mount"], ["other/file", "inode"], "dir/file", undefined],
  ["another file, of a mount", ["dir", "mount"], ["dir/file", "inode"], "dir/file2", "open"],
  ["a mount, of a file", ["dir/file", "inode"], ["other", "mount"], "other/file", undefined],
  ["another mount, of a file", ["other/file", "inode"], ["other", "mount"], "dir/file", "open"],
  ["a file, of a file system", ["dir", "filesystem"], ["dir/file", "inode"], "dir/file", undefined],
  ["a mount, of a file system", ["dir", "filesystem"], ["other", "mount"], "other/file", undefined],
  [
    "another mount, of a file system",
    ["dir", "filesystem"],
    ["other", "mount"],
    "dir/file",
    "open",
  ],
  ...(["inode", "mount", "filesystem"] as const).flatMap(
    (scope): (readonly [string, Mark, Mark, string, string | undefined])[] => [
      [
        `entries, of ${scope}`,
        ["dir/file", scope],
        ["dir", "inode", { children: true }],
        "dir/file",
        undefined,
      ],
      [`no entries, of ${scope}`, ["dir/file", scope], ["dir", "inode"], "dir/file", "open"],
    ],
  ),
  [
    "directories among entries",
    ["dir/sub", "inode", { dirs: true }],
    ["dir", "inode", { children: true, dirs: true }],
    "dir/sub",
    undefined,
  ],
  [
    "directories, but no entries",
    ["dir/sub", "inode", { dirs: true }],
    ["dir", "inode", { dirs: true }],
    "dir/sub",
    "open",
  ],
  [
    "entries, but no directories",
    ["dir/sub", "inode", { dirs: true }],
    ["dir", "inode", { children: true }],
    "dir/sub",
    "open",
  ],
];

export const notifying: readonly Case[] = [
  {
    ltp: "fanotify01",
    title:
      "open, access, modify and close are told of each kind of mark, by descriptor and by handle",
    run({ at, told }) {
      const file = at("file");
      for (const report of ["fd", "fid"] as const) {
        for (const scope of scopes) {
          writeFileSync(file, "content");
          using fanotify = new Fanotify({ report, own: true });
          fanotify.mark(file, ["open", "access", "modify", "close"], { scope });
          const reading = openSync(file, "r");
          assert.deepEqual(told(fanotify), ["open file"], scope);
          readOne(reading);
          assert.deepEqual(told(fanotify), ["access file"]);
          closeSync(reading);
          assert.deepEqual(told(fanotify), ["close-nowrite file"]);
          const writing = openSync(file, "r+");
          assert.deepEqual(told(fanotify), ["open file"]);
          writeSync(writing, "more");
          assert.deepEqual(told(fanotify), ["modify file"]);
          closeSync(writing);
          assert.deepEqual(told(fanotify), ["close-write file"]);
        }
      }
    },
  },
  {
    ltp: "fanotify01",
    title: "what is ignored is so until the file is modified, or longer with surviveModify",
    lacks: since(6, 0),
    run({ at, told }) {
      const file = at("file");
      for (const scope of scopes) {
        for (const surviveModify of [false, true]) {
          writeFileSync(file, "content");
          using fanotify = new Fanotify({ report: "fd", own: true });
          fanotify.mark(file, "access", { scope });
          fanotify.mark(file, "access", { ignore: true, surviveModify });
          const fd = openSync(file, "r+");
          readOne(fd);
          assert.deepEqual(told(fanotify), [], scope);
          writeSync(fd, "more");
          readOne(fd);
          assert.deepEqual(told(fanotify), surviveModify ? [] : ["access file"]);
          closeSync(fd);
        }
      }
    },
  },
  {
    ltp: "fanotify02",
    title: "entries of a marked directory are told with children, until that is taken",
    run({ root, at, told }) {
      using fanotify = new Fanotify({ report: "fd", own: true });
      fanotify.mark(root, ["open", "access", "modify", "close"], { children: true, dirs: true });
      writeFileSync(at("file"), "1");
      assert.deepEqual(told(fanotify), ["close-write|modify|open file"]);
      assert.equal(fanotify.unmark(root, FAN.EVENT_ON_CHILD), true);
      open(at("file"));
      assert.deepEqual(told(fanotify), []);
      open(root);
      assert.deepEqual(told(fanotify), ["close-nowrite|open ."]);
    },
  },
  {
    ltp: "fanotify04",
    title:
      "a mark of a symbolic link is of what it leads to, and with follow: false of the link alone",
    run({ at, sh, told }) {
      sh("echo >file; ln -s file link");
      using fanotify = new Fanotify({ report: "fd", own: true });
      fanotify.mark(at("link"), "open", { follow: false });
      open(at("link"));
      assert.deepEqual(told(fanotify), []);
      assert.equal(fanotify.unmark(at("link")), false);
      assert.equal(fanotify.unmark(at("link"), undefined, { follow: false }), true);
      fanotify.mark(at("link"), "open");
      open(at("link"));
      assert.deepEqual(told(fanotify), ["open file"]);
    },
  },
  {
    ltp: "fanotify05",
    title: "a queue without a limit loses nothing",
    on: ["tmpfs"],
    run({ root, at }) {
      const most = 10 + Number(readFileSync("/proc/sys/fs/fanotify/max_queued_events", "utf8"));
      assert.ok(most < 100_000, "too many to wait for");
      using fanotify = new Fanotify({ own: true, unlimitedQueue: true });
      fanotify.mark(root, "create");
      for (let n = 0; n < most; n++) closeSync(openSync(at(`${n}`), "w"));
      const events = fanotify.readEventsSync();
      assert.equal(events.length, most);
      assert.equal(events.filter(({ isOverflow }) => isOverflow).length, 0);
      assert.equal(events.at(-1)?.path, at(`${most - 1}`));
    },
  },
  {
    ltp: "fanotify06",
    title: "what one group ignores others are told, whatever their priority",
    lacks: since(6, 0),
    run({ root, at, told }) {
      const file = at("file");
      writeFileSync(file, "");
      using first = new Fanotify({ report: "fd", decide: "pre-access", own: true });
      using second = new Fanotify({ report: "fd", decide: "access", own: true });
      using third = new Fanotify({ report: "fd", own: true });
      for (const group of [first, second, third]) {
        group.mark(root, "modify", { scope: "mount" });
        if (group !== first) group.mark(file, "modify", { ignore: true });
      }
      writeFileSync(file, "1");
      assert.deepEqual([first, second, third].map(told), [["modify file"], [], []]);
    },
  },
  {
    ltp: "fanotify08",
    title: "neither a group nor what its events hold is left to programs that are executed",
    run({ root, at }) {
      writeFileSync(at("file"), "");
      using fanotify = new Fanotify({ report: "fd", own: true });
      fanotify.mark(root, "open", { children: true });
      open(at("file"));
      const [event] = fanotify.readEventsSync();
      for (const fd of [fanotify.fd, event?.fd ?? -1]) {
        const flags = Number.parseInt(fd_info(fd, "flags") ?? "", 8);
        assert.equal(flags & O.CLOEXEC, O.CLOEXEC);
        assert.equal(flags & O.NONBLOCK, O.NONBLOCK);
      }
      event?.[Symbol.dispose]();
    },
  },
  {
    ltp: "fanotify09",
    title:
      "an entry is told once of a marked parent and a mark of itself, and directories only where asked for",
    run(disk) {
      const { root, at, told } = disk;
      tree(disk);
      const rows: readonly (readonly [
        scope: FanotifyScope,
        dirs: boolean,
        what: string,
        first: string[],
        rest: string[],
      ])[] = [
        ["mount", false, "sub", [], []],
        ["mount", true, "sub", ["close-nowrite dir/sub"], []],
        ["mount", true, ".", ["close-nowrite dir"], []],
        ["inode", true, "sub", ["close-nowrite dir/sub"], []],
        ["mount", false, "file2", ["close-nowrite dir/file2"], ["close-nowrite dir/file2"]],
      ];
      for (const [scope, dirs, what, first, rest] of rows) {
        using whole = new Fanotify({ report: "fd", own: true });
        using part = new Fanotify({ report: "fd", own: true });
        for (const group of [whole, part]) {
          const how = group === whole ? { children: true, dirs } : {};
          group.mark(at("dir", what), "close-nowrite", { scope, ...how });
          group.mark(at("dir"), "modify", how);
        }
        writeFileSync(at("dir/file"), "1");
        open(at("dir", what));
        const name = `${scope} ${what} in ${root}`;
        assert.deepEqual(told(whole), ["modify dir/file", ...first], name);
        assert.deepEqual(told(part), rest, name);
      }
    },
  },
  {
    ltp: "fanotify10",
    title: "what is ignored is taken from other marks of the group, where it is and nowhere else",
    lacks: since(6, 0),
    run(disk) {
      const { at, told } = disk;
      tree(disk);
      for (const [
        name,
        [path, scope, how],
        [quiet, quietScope, quietHow],
        event,
        expected,
      ] of ignoring) {
        using fanotify = new Fanotify({ report: "fd", own: true });
        fanotify.mark(at(path), "open", { scope, ...how });
        fanotify.mark(at(quiet), "open", { scope: quietScope, ...quietHow, ignore: true });
        open(at(event));
        const rows = told(fanotify).map((one) => one.replace(/ \S+$/, ""));
        assert.deepEqual(rows, expected === undefined ? [] : [expected], name);
        fanotify.unmark(at(quiet), undefined, { scope: quietScope, ignore: true });
        open(at(event));
        assert.equal(told(fanotify).length, 1, name);
      }
    },
  },
  {
    ltp: "fanotify10, fanotify12",
    title: "execution is told beside the open, and each can be ignored alone",
    lacks: since(6, 0),
    run(disk) {
      const { at, sh, told } = disk;
      tree(disk);
      for (const scope of scopes) {
        const rows = (ignored: FanotifyEvents | undefined): string[] => {
          using fanotify = new Fanotify({ report: "fd" });
          fanotify.mark(at("dir/prog"), ["open", "open-exec"], { scope });
          if (ignored !== undefined) fanotify.mark(at("dir/prog"), ignored, { ignore: true });
          sh("dir/prog");
          return told(fanotify);
        };
        assert.deepEqual(rows(undefined), ["open|open-exec dir/prog"], scope);
        assert.deepEqual(rows("open"), ["open-exec dir/prog"], scope);
        assert.deepEqual(rows("open-exec"), ["open dir/prog"], scope);
        using fanotify = new Fanotify({ report: "fd" });
        fanotify.mark(at("dir/prog"), "open-exec", { scope });
        sh(": <dir/prog");
        assert.deepEqual(told(fanotify), []);
      }
    },
  },
  {
    ltp: "fanotify11",
    title: "tid is the number of another thread's own",
    async run({ at, root }) {
      using fanotify = new Fanotify({ tid: true, own: true });
      fanotify.mark(root, "create");
      await writeFile(at("file"), "");
      const [event] = fanotify.readEventsSync();
      assert.notEqual(event?.tid, process.pid);
      assert.equal(existsSync(`/proc/self/task/${event?.tid}`), true);
    },
  },
  {
    ltp: "fanotify13",
    title: "handles and file systems are those that name_to_handle_at and statfs tell",
    run({ at, root, sh }) {
      sh("mkdir dir; echo >file");
      const flags = kernel(6, 5) ? AT_HANDLE.FID : 0;
      for (const scope of scopes) {
        using fanotify = new Fanotify({ report: "fid", own: true });
        for (const path of ["file", "dir"]) fanotify.mark(at(path), "open", { scope, dirs: true });
        for (const path of ["file", "dir"]) {
          open(at(path));
          const [event] = fanotify.readEventsSync();
          const { handle } = name_to_handle_at(AT.FDCWD, at(path), flags);
          assert.deepEqual(event?.handle, { fsid: statfs(root).f_fsid, handle }, scope);
          assert.equal(event?.path, at(path));
        }
      }
    },
  },
  {
    ltp: "fanotify14",
    title: "a pipe has no mount and no file system to mark",
    on: ["tmpfs"],
    lacks: since(6, 11),
    run() {
      const pipe = pipe2(O.CLOEXEC);
      try {
        using fanotify = new Fanotify({ report: "fd" });
        for (const scope of ["mount", "filesystem"] as const)
          assert.throws(() => fanotify.mark(pipe[0], "open", { scope }), { code: "EINVAL" });
        fanotify.mark(pipe[0], "access");
      } finally {
        for (const fd of pipe) closeSync(fd);
      }
    },
  },
  {
    ltp: "fanotify15",
    title:
      "what happens to entries is told by their directory's handle, and to an object by its own",
    run({ at, root, sh, told }) {
      using fanotify = new Fanotify({ report: "fid" });
      const events = ["create", "delete", "move", "delete-self", "move-self", "modify"] as const;
      fanotify.mark(root, events, { scope: "filesystem", dirs: true });
      const steps: readonly (readonly [script: string, rows: string[]])[] = [
        ["mkdir a", ["create dir ."]],
        [": >a/1", ["create a"]],
        ["echo >a/1", ["modify a/1"]],
        ["mv a/1 a/2", ["moved-from|moved-to a", "move-self a/2"]],
        ["mkdir b", ["create dir ."]],
        ["mv a b/c", ["moved-from dir .", "moved-to dir b", "move-self dir b/c"]],
        ["rm b/c/2", ["delete b/c", "delete-self"]],
        ["rmdir b/c", ["delete dir b", "delete-self dir b/c"]],
      ];
      for (const [script, rows] of steps) {
        sh(script);
        const seen = told(fanotify);
        // The path of a file that is gone is known by chance.
        const plain = seen.map((one) => one.replace(/^(delete-self) \S+$/, "$1"));
        assert.deepEqual(plain.toSorted(), rows.toSorted(), script);
      }
      assert.equal(existsSync(at("b")), true);
    },
  },
  {
    ltp: "fanotify16",
    title:
      "names are told of entries and of directories themselves, of a directory or a file system",
    lacks: since(5, 17),
    run({ at, root, sh, told }) {
      for (const scope of ["inode", "filesystem"] as const) {
        using fanotify = new Fanotify();
        const events = ["create", "delete", "rename", "delete-self", "move-self", "open"] as const;
        fanotify.mark(root, events, { scope, children: true, dirs: true });
        const steps: readonly (readonly [script: string, rows: string[]])[] = [
          ["mkdir a", ["create dir a"]],
          [": >f", ["create|open f"]],
          ["mv f g", ["rename f g", "move-self g"]],
          ["mv a b", ["rename dir a b", "move-self dir b"]],
          ["rm g", ["delete g", "delete-self g"]],
          [": 3<b", ["open dir b"]],
          ["rmdir b", ["delete dir b", "delete-self dir b"]],
        ];
        for (const [script, rows] of steps) {
          sh(script);
          const seen = told(fanotify);
          // A directory's mark tells of its entries; those that are directories or moved are not asked.
          const merged = [...new Set(seen.flatMap(split))].toSorted();
          const expected = [...new Set(rows.flatMap(split))].filter(
            (one) => scope === "filesystem" || !one.includes("-self"),
          );
          assert.deepEqual(
            merged.filter((one) => scope === "filesystem" || !one.includes("-self")),
            expected.toSorted(),
            `${scope}: ${script}`,
          );
        }
        assert.equal(existsSync(at("b")), false);
      }
    },
  },
  {
    ltp: "fanotify17",
    title: "the limits of a user namespace end groups and marks, and the error names the setting",
    on: ["tmpfs"],
    lacks: since(5, 13),
    async run({ root }) {
      chmodSync(root, 0o777);
      const script = `
        import { mkdirSync, writeFileSync } from "node:fs";
        import { Fanotify } from "bun-butter";
        const limit = (what) => writeFileSync(\`/proc/sys/user/max_fanotify_\${what}\`, "5");
        const until = (call) => { for (let n = 0; ; n++) try { call(n); } catch ({ code, message }) { return [n, code, /raise \\S+ \\(\\d+/.exec(message)?.[0]].join(" "); } };
        limit("marks");
        const one = new Fanotify();
        console.log(until((n) => { mkdirSync(\`\${process.argv.at(-1)}/\${n}\`); one.mark(\`\${process.argv.at(-1)}/\${n}\`, "create"); }));
        limit("groups");
        const groups = [one];
        console.log(until(() => groups.push(new Fanotify())));
      `;
      const unshare = ["unshare", "--user", "--map-root-user", process.execPath];
      const { stdout, stderr } = await run([...unshare, "--eval", script, root]);
      assert.equal(
        stdout + stderr,
        "5 ENOSPC raise user.max_fanotify_marks (5\n4 EMFILE raise user.max_fanotify_groups (5\n",
      );
    },
  },
  {
    ltp: "fanotify22",
    title: "fs-error tells the first error of a file system, where, and how many there were",
    on: ["ext4"],
    lacks: Bun.which("debugfs") === null ? "needs debugfs" : since(5, 16),
    run({ root, at, sh, outside }) {
      sh("mkdir -p base/bad");
      const image = `${outside}/image`;
      sh(`
        cd /; umount "${root}"
        debugfs -w "${image}" -R "sif base/bad mode 0xff" 2>&1
        debugfs -w "${image}" -R "ln <1> base/link" 2>&1
        mount -o loop "${image}" "${root}"
      `);
      using fanotify = new Fanotify({ report: "fid", own: true });
      fanotify.mark(root, "fs-error", { scope: "filesystem" });
      const { handle } = name_to_handle_at(AT.FDCWD, at("base"), 0);
      for (const bad of ["base/link", "base/bad"])
        assert.throws(() => open(at(bad)), { code: "EUCLEAN" });
      const [event, ...more] = fanotify.readEventsSync();
      assert.deepEqual(more, []);
      assert.deepEqual([...(event?.events ?? [])], ["fs-error"]);
      assert.equal(event?.error, "EUCLEAN");
      assert.equal(event?.errorCount, 2);
      assert.deepEqual(event?.handle, { fsid: statfs(root).f_fsid, handle });
      assert.equal(event?.path, at("base"));
      sh("mount -o remount,abort .");
      const [aborted] = fanotify.readEventsSync();
      assert.equal(aborted?.error, "ESHUTDOWN");
      assert.equal(aborted?.path, undefined);
      assert.equal(typeof aborted?.missing.path, "string");
    },
  },
  {
    ltp: "fanotify10, fanotify23",
    title: "an evictable mark goes when memory is needed, and others stay",
    on: ["ext4"],
    lacks: since(6, 0),
    run({ at, root, told }) {
      const names = Array.from({ length: 16 }, (_, n) => `file${n}`);
      for (const name of names) writeFileSync(at(name), "");
      using fanotify = new Fanotify({ report: "fd", own: true });
      fanotify.mark(root, "open", { scope: "mount" });
      for (const name of names)
        fanotify.mark(at(name), "open", { ignore: true, evictable: name !== "file0" });
      for (const name of names) open(at(name));
      assert.deepEqual(told(fanotify), []);
      let rows: string[] = [];
      // What is dirty is written first.
      for (let n = 0; n < 20 && rows.length === 0; n++) {
        Bun.spawnSync(["sync", "-f", root]);
        writeFileSync("/proc/sys/vm/drop_caches", "2");
        for (const name of names) open(at(name));
        rows = told(fanotify);
      }
      assert.notEqual(rows.length, 0);
      assert.equal(rows.includes("open file0"), false);
    },
  },
  {
    ltp: "fanotify25",
    title: "what is written in a tracing file system is told",
    on: ["tmpfs"],
    lacks: existsSync("/sys/kernel/tracing") ? undefined : "needs tracefs",
    run({ at, sh, told }) {
      mkdirSync(at("tracing"));
      sh("mount -t tracefs none tracing");
      const own = at("tracing/instances", `butter-${process.pid}`);
      mkdirSync(own);
      try {
        using fanotify = new Fanotify({ report: "fd" });
        fanotify.mark(at("tracing"), "modify", { scope: "mount" });
        sh(`echo hello >"${own}/trace_marker"; echo 0 >"${own}/tracing_on"`);
        const rows = told(fanotify).map((one) => one.replace(/\S+\//, ""));
        assert.deepEqual(rows, ["modify trace_marker", "modify tracing_on"]);
      } finally {
        rmdirSync(own);
      }
    },
  },
];

/** The kernel merges what happens to one name as it comes: each word alone. */
function split(row: string): string[] {
  const [words = "", ...where] = row.split(" ");
  return words.split("|").map((word) => [word, ...where].join(" "));
}
