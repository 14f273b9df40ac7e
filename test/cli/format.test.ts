/** Rows of output: one event is one line, whatever it is called. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { escape, formatter, type Row } from "../../src/cli/format.ts";

/** What a reader does: the inverse of escape(), back to bytes. */
function unescape(text: string): Uint8Array {
  const letters: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", "\\": "\\" };
  const parts: Uint8Array[] = [];
  for (const [part] of text.matchAll(/\\x[0-9A-F]{2}|\\.|[^\\]+/gs)) {
    if (part.startsWith("\\x")) parts.push(new Uint8Array([Number.parseInt(part.slice(2), 16)]));
    else parts.push(Buffer.from(part.startsWith("\\") ? (letters[part.slice(1)] ?? "?") : part));
  }
  return Buffer.concat(parts);
}

test("escape() loses nothing: any bytes can be had back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(Buffer.from(unescape(escape(bytes))).equals(bytes)).toBe(true);
    }),
  );
});

test("escape() of text is escape() of its bytes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      fc.pre(text.isWellFormed());
      expect(escape(text)).toBe(escape(Buffer.from(text)));
    }),
  );
});

test("escape() leaves no line end and nothing that a terminal obeys", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      // oxlint-disable-next-line no-control-regex
      expect(escape(bytes)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/);
    }),
  );
});

test("escape() spells what it changes, and leaves the rest", () => {
  expect(escape("tab\tline\nreturn\rback\\slash")).toBe("tab\\tline\\nreturn\\rback\\\\slash");
  expect(escape("\x1b[31m \x7f \u009b \u2028")).toBe("\\x1B[31m \\x7F \\xC2\\x9B \\xE2\\x80\\xA8");
  expect(escape("grüße 日本 🦋")).toBe("grüße 日本 🦋");
  expect(escape(new Uint8Array([0x61, 0xff, 0xe6, 0x97, 0xf0, 0x62]))).toBe(
    "a\\xFF\\xE6\\x97\\xF0b",
  );
});

const row: Row = {
  words: ["CREATE", "ISDIR"],
  brief: ["CREATE"],
  subject: "a\nb",
  suffix: "/",
  colour: "green",
  data: { path: "a\nb" },
};
const time = new Date("2026-01-02T03:04:05.006Z");
const local = `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}:05.006`;

test.each([
  ["tab", false, "2026-01-02T03:04:05.006Z\tCREATE,ISDIR\ta\\nb\n"],
  ["tab", true, "\x1b[90m2026-01-02T03:04:05.006Z\x1b[39m\t\x1b[32mCREATE,ISDIR\x1b[39m\ta\\nb\n"],
  ["terminal", false, `${local}  CREATE         a\\nb/\n`],
  ["terminal", true, `\x1b[90m${local}\x1b[39m  \x1b[32mCREATE       \x1b[39m  a\\nb/\n`],
  ["json", true, '{"time":"2026-01-02T03:04:05.006Z","path":"a\\nb"}\n'],
] as const)("formatter() prints %s, colour %p", (format, coloured, expected) => {
  expect(formatter(format, coloured)(time, [row])).toBe(expected);
});
