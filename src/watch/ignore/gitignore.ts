/**
 * Files of ignore rules as Git has them: {@link https://git-scm.com/docs/gitignore | gitignore}.
 *
 * @module
 */
import { Wildmatch } from "./wildmatch.ts";

/** One rule of a file. */
interface Rule {
  readonly pattern: Wildmatch;
  /** Whether it is about paths from the file's directory, and not about names at every level. */
  readonly isPath: boolean;
  readonly isNegated: boolean;
  readonly directoryOnly: boolean;
}

/** The rules of one file, for what is below its directory. */
export class Gitignore {
  /** The last one comes first, because it counts. */
  readonly #rules: readonly Rule[];

  constructor(content: string | Uint8Array) {
    this.#rules = (typeof content === "string" ? asBytes(content) : latin1(content))
      .replace(/^\xef\xbb\xbf/, "")
      .split("\n")
      .flatMap((line) => parse(line) ?? [])
      .toReversed();
  }

  /**
   * What the last rule that matches says, or `undefined` if none does.
   *
   * @param path From the file's directory, without a leading slash.
   */
  ignores(path: string, isDirectory: boolean): boolean | undefined {
    if (this.#rules.length === 0) return undefined;
    const bytes = asBytes(path);
    const name = bytes.slice(bytes.lastIndexOf("/") + 1);
    for (const { pattern, isPath, isNegated, directoryOnly } of this.#rules)
      if ((isDirectory || !directoryOnly) && pattern.matches(isPath ? bytes : name))
        return !isNegated;
    return undefined;
  }
}

/** A character for each byte: to Git, `?` is one of these. */
function asBytes(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text).toString("latin1");
}

function latin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}

function parse(line: string): Rule | undefined {
  if (line.startsWith("#")) return undefined;
  // Git's texts end with a NUL.
  const [content = ""] = (line.endsWith("\r") ? line.slice(0, -1) : line).split("\0", 1);
  let text = trimmed(content);
  const isNegated = text.startsWith("!");
  if (isNegated) text = text.slice(1);
  const directoryOnly = text.endsWith("/");
  if (directoryOnly) text = text.slice(0, -1);
  if (text === "") return undefined;
  const isPath = text.includes("/");
  if (text.startsWith("/")) text = text.slice(1);
  const pattern = Wildmatch.of(text, isPath);
  return pattern && { pattern, isPath, isNegated, directoryOnly };
}

/** Without blanks at its end, unless the first of them is quoted. */
function trimmed(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === " ") end--;
  if (end === line.length) return line;
  let quotes = 0;
  while (line[end - 1 - quotes] === "\\") quotes++;
  return line.slice(0, end + (quotes % 2));
}
