/** syscall.ts DIR: ns a call, the median of CHUNKS times CALLS. */
import { ValueError } from "bun-butter";
import {
  close,
  EFD,
  eventfd,
  F,
  fcntl,
  IN,
  inotify_add_watch,
  inotify_init1,
  pinned,
  read,
  write,
} from "bun-butter/syscalls";

import { bind } from "../../src/libc.ts";
import { median } from "../harness.ts";

const CHUNKS = 15;
const CALLS = 20_000;

const { c } = bind({ close: { args: ["i32" /* int fd */], returns: "i32" } }, {});
const [, , dir = ""] = process.argv;
const inotify = inotify_init1(IN.NONBLOCK | IN.CLOEXEC);
const counter = eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC);
using number = pinned(8);
number.view.setBigUint64(0, 1n, true);
let sum = 0;

/** Each takes a chunk in a function of its own, as the code of a program would. */
const chunks = {
  close() {
    for (let call = 0; call < CALLS; call++) sum += c.close(-1);
  },
  fcntl() {
    for (let call = 0; call < CALLS; call++) sum += fcntl(counter, F.GETFD);
  },
  eventfd() {
    for (let call = 0; call < CALLS; call++) {
      sum += write(counter, number);
      sum += read(counter, number);
    }
  },
  add_watch() {
    for (let call = 0; call < CALLS; call++) sum += inotify_add_watch(inotify, dir, IN.CREATE);
  },
  failing() {
    for (let call = 0; call < CALLS; call++) {
      try {
        close(-1);
      } catch (error) {
        if (error instanceof ValueError) sum += error.errno;
      }
    }
  },
};

const result: Record<string, number> = {};
for (const [name, chunk] of Object.entries(chunks)) {
  const times: number[] = [];
  for (let at = -1; at < CHUNKS; at++) {
    const before = performance.now();
    chunk();
    if (at >= 0) times.push(((performance.now() - before) * 1e6) / CALLS);
  }
  result[name] = median(times);
}
console.log(JSON.stringify(result));
process.exitCode = sum === 0 ? 1 : 0;
