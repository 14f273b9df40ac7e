/** Cases in which accesses wait for what is decided with fanotify. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";

import {
  Fanotify,
  type FanotifyErrno,
  type FanotifyEvent,
  type FanotifyEvents,
  type FanotifyMarkOptions,
  UnsupportedError,
} from "bun-butter";

import { kernel } from "./capabilities.ts";
import type { Case, Disk } from "./ltp.ts";

const LONG = 60_000;

/** A mark of two files: of each of them, of what they are on, or of their directory. */
const marks: readonly (readonly [
  name: string,
  path: "each" | "root",
  options: FanotifyMarkOptions,
])[] = [
  ["inode", "each", {}],
  ["mount", "root", { scope: "mount" }],
  ["filesystem", "root", { scope: "filesystem" }],
  ["parent", "root", { children: true }],
];

/** Makes a file and a program, and marks them. */
function markBoth(
  { at, root, sh }: Disk,
  guard: Fanotify,
  events: FanotifyEvents,
  [, path, options]: (typeof marks)[number],
): void {
  sh("rm -f file prog; echo content >file; cp /bin/true prog");
  for (const one of path === "each" ? [at("file"), at("prog")] : [root])
    guard.mark(one, events, options);
}

/** Decides on what comes, in this order, while somebody does something. */
async function decide(
  disk: Disk,
  guard: Fanotify,
  script: string,
  decisions: readonly (readonly [event: string, verdict: "allow" | FanotifyErrno])[],
): Promise<string> {
  const { output, pid } = disk.start(script);
  for (const [expected, verdict] of decisions) {
    using event = await guard.readEvent();
    assert.equal(disk.row(event), expected);
    assert.equal(event.waits, true);
    assert.equal(typeof event.pid, "number");
    assert.ok((event.pid ?? 0) >= pid);
    if (verdict === "allow") event.allow();
    else event.deny(verdict);
  }
  const text = await output;
  assert.deepEqual(disk.told(guard), []);
  return text;
}

/** Allows everything until somebody has ended. */
async function allowAll(disk: Disk, guard: Fanotify, ended: Promise<unknown>): Promise<string[]> {
  const rows: string[] = [];
  const over = new AbortController();
  void ended.then(() => over.abort());
  while (!over.signal.aborted) {
    const events = await guard.readEvents({ signal: over.signal }).catch(() => []);
    for (using event of events) {
      rows.push(disk.row(event));
      event.allow();
    }
  }
  return rows;
}

/** Opens the file, writes to it, reads it, and executes the program: each is said to be denied, if it is. */
const actor = `
  exec 3<>file
  echo more >&3 || :
  cat <&3 >/dev/null
  exec ./prog
`;

export const deciding: readonly Case[] = [
  {
    ltp: "fanotify03",
    title: "opens, reads and executions are decided on by each kind of mark",
    async run(disk) {
      for (const mark of marks) {
        using guard = new Fanotify({ decide: "access", decideTimeout: LONG });
        markBoth(disk, guard, ["open-perm", "access-perm", "open-exec-perm"], mark);
        const denied = await decide(disk, guard, actor, [
          ["open-perm file", "allow"],
          ["access-perm file", "EPERM"],
          ["open-exec-perm prog", "EPERM"],
        ]);
        assert.match(
          denied,
          /^cat: .*Operation not permitted\n.*prog: Operation not permitted$/,
          mark[0],
        );
        const { output } = disk.start("cat file; ./prog");
        const seen = new Set(await allowAll(disk, guard, output));
        assert.equal(await output, "more\nnt");
        for (const one of [
          "open-perm file",
          "access-perm file",
          "open-exec-perm prog",
          "open-perm prog",
        ])
          assert.ok(seen.has(one), `${one} in ${mark[0]}`);
      }
    },
  },
  {
    ltp: "fanotify07",
    title:
      "closing lets all accesses go on that wait, also when some of those who wait were killed",
    async run({ at, start }) {
      writeFileSync(at("file"), "content");
      const guard = new Fanotify({ decide: "access", decideTimeout: LONG });
      guard.mark(at("file"), "open-perm");
      const waiting = Array.from({ length: 8 }, () => start("exec cat file"));
      const events: FanotifyEvent[] = [];
      while (events.length < waiting.length) events.push(await guard.readEvent());
      assert.deepEqual(
        events.map(({ pid }) => pid).toSorted(),
        waiting.map(({ pid }) => pid).toSorted(),
      );
      const killed = waiting.splice(0, 3);
      for (const one of killed) await one.kill();
      // Who was killed can be answered as well.
      for (const event of events.slice(0, 2)) event.allow();
      guard.close();
      for (const { output } of waiting) assert.equal(await output, "content");
      for (const { output } of killed) {
        // The first two may have been let go, or killed before.
        assert.ok(["", "content"].includes(await output));
      }
      for (const event of events) assert.equal(event.verdict, "allow");
    },
  },
  {
    ltp: "fanotify03, fanotify07",
    title:
      "while one process waits, another opens, writes, renames, executes and deletes, and one is killed",
    async run(disk) {
      const { at, root, sh, start, told } = disk;
      sh("echo content >file; cp /bin/true prog");
      using watcher = new Fanotify();
      watcher.mark(root, ["create", "close-write", "rename", "delete", "open-exec"], {
        scope: "filesystem",
      });
      using guard = new Fanotify({ decide: "access", decideTimeout: LONG });
      guard.mark(root, ["open-perm", "open-exec-perm"], { scope: "filesystem" });
      const first = start("exec cat file");
      using held = await guard.readEvent();
      assert.equal(held.pid, first.pid);
      const dying = start("exec cat file");
      using dead = await guard.readEvent();
      await dying.kill();

      const other = start(
        "cat file; echo more >>file; mv file moved; ./prog; echo new >new; rm moved; echo done",
      );
      const seen = await allowAll(disk, guard, other.output);
      assert.equal(await other.output, "content\ndone");
      assert.deepEqual(seen, [
        "open-perm file",
        "open-perm file",
        "open-exec-perm prog",
        "open-perm prog",
        "open-perm new",
      ]);
      assert.deepEqual(told(watcher).toSorted(), [
        "close-write file",
        "close-write|create new",
        "delete moved",
        "open-exec prog",
        "rename file moved",
      ]);
      assert.equal(held.path, at("moved"));
      assert.equal(held.waits, true);
      held.allow();
      dead.allow();
      assert.equal(await first.output, "content\nmore");
      assert.deepEqual(
        readdirSync(root)
          .filter((one) => one !== "lost+found")
          .toSorted(),
        ["new", "prog"],
      );
    },
  },
  {
    ltp: "fanotify24",
    title:
      "what is read and written is decided on before, with an error of choice, or is refused as not supported",
    lacks: kernel(6, 14) ? undefined : "needs Linux 6.14",
    async run(disk) {
      for (const mark of marks) {
        using guard = new Fanotify({ decide: "pre-access", decideTimeout: LONG });
        if (disk.kind !== "ext4") {
          assert.throws(() => markBoth(disk, guard, "pre-access", mark), UnsupportedError);
          continue;
        }
        markBoth(disk, guard, ["pre-access", "open-exec-perm"], mark);
        const text = await decide(disk, guard, actor, [
          ["pre-access file", "EPERM"],
          ["pre-access file", "EIO"],
          ["open-exec-perm prog", "EBUSY"],
        ]);
        // A shell says no more of a write that failed than that.
        assert.equal(
          text.replace(/^.*echo: I\/O error\n/, "").replace(/^.*prog: /m, ""),
          "cat: -: Input/output error\nDevice or resource busy",
          mark[0],
        );
      }
    },
  },
  {
    ltp: "fanotify24",
    title: "a directory that does not mark its entries decides on nothing of theirs",
    async run(disk) {
      using guard = new Fanotify({ decide: "access", decideTimeout: LONG });
      markBoth(disk, guard, ["open-perm", "access-perm"], ["parent alone", "root", {}]);
      assert.equal(await decide(disk, guard, "cat file", []), "content");
    },
  },
];
