/** The C side: what the headers of this machine say, through the compiler that Bun has built in. */
import { cc, type FFIFunction, type Library } from "bun:ffi";
import { writeFileSync } from "node:fs";

import { tempDir } from "./temp.ts";

/**
 * glibc's headers make nothing of `__attribute__` for a compiler that they don't know, but this one packs
 * structs as well as gcc does.
 */
const prologue = `
#define _GNU_SOURCE
#include <stddef.h>
#include <errno.h>
#undef __attribute__
`;

/** Compiles C. The functions live as long as this process. */
export function compile<const Functions extends Record<string, FFIFunction>>(
  headers: readonly string[],
  code: string,
  symbols: Functions,
): Library<Functions>["symbols"] {
  using dir = tempDir();
  const source = dir.at("source.c");
  const includes = headers.map((header) => `#include <${header}>\n`).join("");
  writeFileSync(source, `${prologue}${includes}${code}`);
  return cc({ source, symbols }).symbols;
}

/** Which of these headers can't be compiled here: they are not installed, or not for this architecture. */
export function missingHeaders(headers: readonly string[]): readonly string[] {
  return headers.filter((header) => {
    try {
      compile([header], "int none(void) { return 0; }", { none: { args: [], returns: "i32" } });
      return false;
    } catch {
      return true;
    }
  });
}

/** The values of integer expressions; those that the headers don't know are left out. */
export function evaluate(
  headers: readonly string[],
  expressions: readonly string[],
): ReadonlyMap<string, bigint> {
  try {
    return evaluateAll(headers, expressions);
  } catch (error) {
    if (expressions.length === 0) throw error;
    if (expressions.length === 1) return new Map();
    // One that is unknown spoils all: halve until it stands alone.
    const half = expressions.length >>> 1;
    return new Map([
      ...evaluate(headers, expressions.slice(0, half)),
      ...evaluate(headers, expressions.slice(half)),
    ]);
  }
}

function evaluateAll(
  headers: readonly string[],
  expressions: readonly string[],
): ReadonlyMap<string, bigint> {
  const cases = expressions.map(
    (expression, at) => `case ${at}: return (long long)(${expression});`,
  );
  const { value } = compile(
    headers,
    `long long value(int of) { switch (of) { ${cases.join("\n")} } return -1; }`,
    { value: { args: ["i32"], returns: "i64" } },
  );
  return new Map(expressions.map((expression, at) => [expression, value(at)]));
}
