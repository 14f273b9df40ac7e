/** The process in which calls fail: `inject-child.ts TABLE`. It prints a line of JSON for each failure. */
import { ERRNO, type ErrnoName, type ErrorMaps, OSError } from "bun-butter";
import * as syscalls from "bun-butter/syscalls";

import type { Failure } from "./inject-table.ts";
import { type Injection, injections, type Table } from "./inject.ts";
import { refuse } from "./seccomp.ts";

const table = process.argv.at(-1) as Table;
const rows: Readonly<Record<string, Injection>> = injections[table];
const maps: ErrorMaps = syscalls[table];

for (const { setup } of Object.values(rows)) setup?.();

for (const [call, injection] of Object.entries(rows)) {
  const listed = Object.keys(maps[call] ?? {}) as ErrnoName[];
  const unlisted = (Object.keys(ERRNO) as ErrnoName[]).findLast((name) => !listed.includes(name));
  for (const errno of unlisted === undefined ? listed : [...listed, unlisted]) {
    refuse(injection.syscall, errno, injection.argument0);
    console.log(JSON.stringify({ call, errno, ...attempt(injection.call) } satisfies Failure));
  }
}

function attempt(call: () => unknown): Pick<Failure, "error" | "result"> {
  try {
    return { result: Bun.inspect(call()) };
  } catch (error) {
    if (!(error instanceof OSError)) return { result: Bun.inspect(error) };
    const { constructor, name, code, errno, syscall, message } = error;
    return { error: { class: constructor.name, name, code, errno, syscall, message } };
  }
}
