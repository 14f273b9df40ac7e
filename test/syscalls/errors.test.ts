/** Every errno of every call's table, produced by a filter that makes the call fail with it. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";

import { ERRNO, type ErrnoName, type ErrorMaps, type ErrorRule } from "bun-butter";
import * as syscalls from "bun-butter/syscalls";

import { isMusl } from "../support/capabilities.ts";
import { type Failure, injectTable } from "../support/inject-table.ts";
import { injections, type Table } from "../support/inject.ts";
import { parallel } from "../support/parallel.ts";
import { canRefuse } from "../support/seccomp.ts";

const tables = Object.keys(syscalls).filter((name): name is Table => name.endsWith("_errors"));

/** `table.call`, sorted. */
function callsOf(of: Readonly<Record<string, object>>): string[] {
  return Object.entries(of)
    .flatMap(([table, rows]) => Object.keys(rows).map((call) => `${table}.${call}`))
    .toSorted();
}

test("every call of every exported table has a row that lets it fail, and every row its call", () => {
  expect(tables.length).toBeGreaterThan(0);
  expect(callsOf(injections)).toEqual(
    callsOf(Object.fromEntries(tables.map((table) => [table, syscalls[table]]))),
  );
});

const withRows = tables.filter((table) => Object.hasOwn(injections, table));
/** Each table in a process of its own. */
const failures = new Map<Table, readonly Failure[]>();
if (canRefuse())
  await parallel(withRows, async (table) => failures.set(table, await injectTable(table)));

/** What musl answers by itself, or tries another way. */
const answered = new Set(
  isMusl ? ["clock_gettime ENOSYS", "close EINTR", "pipe2 ENOSYS", "signalfd ENOSYS"] : [],
);
const ofUname = isMusl ? "getdomainname" : "";

/** A hint quotes settings of this machine, which other tests may change meanwhile. */
const withoutNumbers = (text: string): string => text.replaceAll(/\d+/g, "N");

describe.skipIf(!canRefuse())("refused by a filter (needs seccomp)", () => {
  describe.each(withRows)("%s", (table) => {
    const maps: ErrorMaps = syscalls[table];
    const rows = Object.entries(maps).flatMap(([call, map]) =>
      Object.entries(map).map(([errno, rule]) => ({
        call,
        errno: errno as ErrnoName,
        rule: rule satisfies ErrorRule,
      })),
    );
    const thrown = rows.filter(
      ({ call, errno }) => call !== ofUname && !answered.has(`${call} ${errno}`),
    );

    test.each(thrown)("$call() throws what its table says of $errno", ({ call, errno, rule }) => {
      const [Class, advice] = typeof rule === "function" ? [rule] : rule;
      const failure = failures.get(table)?.find((one) => one.call === call && one.errno === errno);
      const { error, result } = failure ?? {};
      expect({ result }).toEqual({ result: undefined });
      expect(error).toMatchObject({
        class: Class.name,
        name: Class.name,
        code: errno,
        errno: -ERRNO[errno][0],
        syscall: call,
      });
      expect(error?.message).toStartWith(`Cannot ${call}`);
      expect(error?.message).toContain(`: ${ERRNO[errno][1]} (${errno})`);
      const hint = typeof advice === "function" ? advice() : advice;
      expect(withoutNumbers(error?.message ?? "")).toEndWith(
        withoutNumbers(hint === undefined ? ` (${errno})` : ` (${errno}): ${hint}`),
      );
    });

    const calls = Object.keys(maps).filter((call) => call !== ofUname);

    test.each(calls)("%s() throws UnknownError for an unlisted errno", (call) => {
      const unlisted = (failures.get(table) ?? []).filter(
        (failure) => failure.call === call && !Object.hasOwn(maps[call] ?? {}, failure.errno),
      );
      expect(unlisted).toHaveLength(1);
      const [{ errno, error } = { errno: "" }] = unlisted;
      expect(error).toMatchObject({
        class: "UnknownError",
        code: errno,
        errno: -ERRNO[errno as ErrnoName][0],
        syscall: call,
        message: expect.stringContaining(`(${errno})`),
      });
    });
  });
});

test("the errnos of the tables are no others than those of ERRNO, and their hints end no sentence", () => {
  for (const table of tables) {
    for (const [call, map] of Object.entries(syscalls[table] satisfies ErrorMaps)) {
      for (const [errno, rule] of Object.entries(map as Readonly<Record<string, ErrorRule>>)) {
        expect(Object.keys(ERRNO)).toContain(errno);
        if (typeof rule === "function") continue;
        const hint = typeof rule[1] === "function" ? rule[1]() : rule[1];
        expect(`${call} ${errno}: ${hint}`).not.toMatch(/[.!\n]$|undefined|NaN/);
        // A kernel without the setting has no such errno either.
        const [, setting] = /([\w.-]+) \(unknown now\)/.exec(hint ?? "") ?? [];
        if (setting !== undefined)
          expect(existsSync(`/proc/sys/${setting.replaceAll(".", "/")}`)).toBe(false);
      }
    }
  }
});
