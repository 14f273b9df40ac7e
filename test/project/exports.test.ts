/**
 * What the entry points export. A change of the public surface shows in the diff of the snapshot, which
 * `bun test test/project/exports.test.ts --update-snapshots` writes anew.
 */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { entryPoints, exportsOf, textOf, top } from "../support/source.ts";

const points = [...entryPoints()].map(([specifier, file]) => ({ specifier, file }));

test("package.json names the entry points", () => {
  expect(points.map(({ specifier }) => specifier)).toEqual(
    expect.arrayContaining(["bun-butter", "bun-butter/syscalls"]),
  );
  for (const { file } of points) expect(existsSync(join(top, file))).toBe(true);
});

describe.each(points)("$specifier", ({ specifier, file }) => {
  const exported = [...exportsOf(file).values()];

  test("exports what it did, or the snapshot says so", () => {
    const lines = exported.map(({ name, type }) => `${type ? "type" : "value"} ${name}`);
    expect(lines.toSorted()).toMatchSnapshot();
  });

  test("has the values at run time that its source names", async () => {
    const values = Object.keys((await import(specifier)) as object);
    const named = exported.filter(({ type }) => !type).map(({ name }) => name);
    expect(values.toSorted()).toEqual(named.toSorted());
  });

  test("has no default export", () => {
    expect(exported.map(({ name }) => name)).not.toContain("default");
  });
});

describe.each(["watch", "events", "system"])("bun-butter/%s", (part) => {
  test("is a part of bun-butter, and the same thing there", async () => {
    const whole = (await import("bun-butter")) as Readonly<Record<string, unknown>>;
    const values = (await import(`bun-butter/${part}`)) as Readonly<Record<string, unknown>>;
    for (const [name, value] of Object.entries(values)) expect(value).toBe(whole[name]);
  });
});

test("no script of the package hides a command of Bun", () => {
  const { scripts } = JSON.parse(textOf("package.json")) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  for (const command of ["check", "fmt", "lint", "test", "install", "build"])
    expect(scripts).not.toHaveProperty(command);
});
