/**
 * Files of ignore rules as Git has them: {@link https://git-scm.com/docs/gitignore | gitignore}.
 *
 * @module
 */

/** One rule of a file. */
interface Rule {
  /** Matches a path from the file's directory. */
  readonly pattern: RegExp;
  readonly negated: boolean;
  readonly directoryOnly: boolean;
}

/** The rules of one file, for what is below its directory. */
export class Gitignore {
  readonly #rules: readonly Rule[];

  constructor(text: string) {
    this.#rules = asBytes(text.replace(/^\uFEFF/, ""))
      .split("\n")
      .flatMap((line) => parse(line) ?? []);
  }

  /**
   * What the last rule that matches says, or `undefined` if none does.
   *
   * @param path From the file's directory, without a leading slash.
   */
  ignores(path: string, isDirectory: boolean): boolean | undefined {
    const bytes = asBytes(path);
    const rule = this.#rules.findLast(
      ({ pattern, directoryOnly }) => (isDirectory || !directoryOnly) && pattern.test(bytes),
    );
    return rule === undefined ? undefined : !rule.negated;
  }
}

/** A character for each byte: to Git, `?` is one of these. */
function asBytes(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text).toString("latin1");
}

function parse(line: string): Rule | undefined {
  let text = line.replace(/\r$/, "");
  // Blanks at the end don't count, unless the first of them is quoted.
  text = text.replace(/(?<!\\)((?:\\\\)*) +$/, "$1");
  if (text === "" || text.startsWith("#")) return undefined;
  const negated = text.startsWith("!");
  if (negated) text = text.slice(1);
  const directoryOnly = text.endsWith("/");
  if (directoryOnly) text = text.slice(0, -1);
  if (text === "") return undefined;
  const anchored = text.includes("/");
  if (text.startsWith("/")) text = text.slice(1);
  const source = translate(text);
  if (source === undefined) return undefined;
  const pattern = new RegExp(`^${anchored ? "" : "(?:[^]*/)?"}${source}$`);
  return { pattern, negated, directoryOnly };
}

/** A pattern as a regular expression, or `undefined` if it can match nothing. */
function translate(glob: string): string | undefined {
  let source = "";
  let at = 0;
  while (at < glob.length) {
    const char = glob.charAt(at);
    const start = at === 0 || glob[at - 1] === "/";
    if (start && glob.startsWith("**/", at)) {
      source += "(?:[^]*/)?";
      at += 3;
    } else if (start && at > 0 && glob.slice(at) === "**") {
      source += "[^]+";
      at += 2;
    } else if (start && glob === "**") {
      source += "[^]*";
      at += 2;
    } else if (char === "*") {
      source += "[^/]*";
      while (glob[at] === "*") at++;
    } else if (char === "?") {
      source += "[^/]";
      at++;
    } else if (char === "[") {
      const [text, end] = bracket(glob, at);
      if (end === -1) return undefined;
      source += text;
      at = end;
    } else {
      if (char === "\\" && at + 1 === glob.length) return undefined;
      const literal = char === "\\" ? glob.charAt(at + 1) : char;
      source += escaped(literal);
      at += literal.length + (char === "\\" ? 1 : 0);
    }
  }
  return source;
}

const classes: Readonly<Record<string, string>> = {
  alnum: "a-zA-Z0-9",
  alpha: "a-zA-Z",
  blank: " \\t",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "\\x21-\\x7e",
  lower: "a-z",
  print: "\\x20-\\x7e",
  punct: "!-\\/:-@\\[-`\\{-~",
  space: "\\s",
  upper: "A-Z",
  xdigit: "0-9a-fA-F",
};

/** A bracket expression, and where it ends: -1 if it doesn't. */
function bracket(glob: string, from: number): readonly [source: string, end: number] {
  let at = from + 1;
  const negated = glob[at] === "!" || glob[at] === "^";
  if (negated) at++;
  let inside = "";
  const first = at;
  while (at < glob.length && (glob[at] !== "]" || at === first)) {
    const named = /^\[:(\w+):\]/.exec(glob.slice(at));
    if (named !== null) {
      inside += classes[named[1] ?? ""] ?? "";
      at += named[0].length;
      continue;
    }
    const [low, next] = member(glob, at);
    at = next;
    if (glob[at] !== "-" || at + 1 >= glob.length || glob[at + 1] === "]") {
      inside += escaped(low);
      continue;
    }
    const [high, end] = member(glob, at + 1);
    at = end;
    // One that is the wrong way round has nothing in it.
    if (low <= high) inside += `${escaped(low)}-${escaped(high)}`;
  }
  if (at >= glob.length) return ["", -1];
  if (inside === "") return [negated ? "[^/]" : "(?!)", at + 1];
  return [negated ? `[^/${inside}]` : `(?!/)[${inside}]`, at + 1];
}

function member(glob: string, from: number): readonly [char: string, next: number] {
  const at = glob[from] === "\\" && from + 1 < glob.length ? from + 1 : from;
  return [glob.charAt(at), at + 1];
}

function escaped(literal: string): string {
  return literal.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
