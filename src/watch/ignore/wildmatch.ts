/**
 * Patterns of gitignore files, as Git's wildmatch.c has them. Anybody who may write a file into a tree gives us some: each is matched in
 * steps of at most its length times that of the text, where a regular expression can take a step for each subset of its stars.
 *
 * @module
 */

/** What else a place of a pattern can be than a byte. */
const CODE = {
  /** A byte that is no slash. */
  ANY: 0x100,
  /** Bytes that are no slash, or none. */
  STAR: 0x101,
  /** Directories, or none. */
  DIRECTORIES: 0x102,
  /** One directory, or more. */
  SOME_DIRECTORIES: 0x103,
  /** All that is left. */
  REST: 0x104,
  /** The first set of bytes; the others follow. */
  SET: 0x105,
} as const;

const SLASH = 0x2f;

/** A pattern. Text has a character for each byte. */
export class Wildmatch {
  readonly #codes: Uint16Array;
  readonly #sets: readonly Uint8Array[];
  /** What it is, if it is nothing but bytes. */
  readonly #literal: string | undefined;
  /** The shortest text that it matches. */
  readonly #least: number;

  private constructor(codes: readonly number[], sets: readonly Uint8Array[]) {
    this.#codes = Uint16Array.from(codes);
    this.#sets = sets;
    this.#least = codes.filter((code) => code <= CODE.ANY || code >= CODE.SET).length;
    const isLiteral = codes.every((code) => code < CODE.ANY);
    this.#literal = isLiteral ? String.fromCharCode(...codes) : undefined;
  }

  /**
   * @param isPath Whether it is compared with paths: two stars may stand for directories then.
   * @returns `undefined` if it can match nothing.
   */
  static of(glob: string, isPath: boolean): Wildmatch | undefined {
    const codes: number[] = [];
    const sets: Uint8Array[] = [];
    let at = 0;
    // Git compares what is before the first special character by itself: what follows is the beginning of its pattern.
    const first = glob.search(/[*?[\\]/);
    while (at < glob.length) {
      const from = at;
      const char = glob.charAt(at++);
      switch (char) {
        case "*": {
          while (glob[at] === "*") at++;
          const isFirst = from === 0 || from === first || glob[from - 1] === "/";
          const isDeep = isPath && isFirst && at > from + 1;
          if (isDeep && at === glob.length) codes.push(CODE.REST);
          else if (isDeep && glob[at] === "/") {
            codes.push(CODE.DIRECTORIES);
            at++;
          } else if (isDeep && glob.startsWith("\\/", at)) {
            codes.push(CODE.SOME_DIRECTORIES);
            at += 2;
          } else if (codes.at(-1) !== CODE.STAR) codes.push(CODE.STAR);
          break;
        }
        case "?":
          codes.push(CODE.ANY);
          break;
        case "[": {
          const set = new Uint8Array(256);
          at = bracket(glob, at, set);
          if (at === -1) return undefined;
          set[SLASH] = 0;
          codes.push(CODE.SET + sets.length);
          sets.push(set);
          break;
        }
        case "\\":
          if (at === glob.length) return undefined;
          codes.push(glob.charCodeAt(at++));
          break;
        default:
          codes.push(glob.charCodeAt(from));
      }
    }
    return new Wildmatch(codes, sets);
  }

  /** Whether the text matches, all of it. */
  matches(text: string): boolean {
    if (this.#literal !== undefined) return text === this.#literal;
    const codes = this.#codes;
    const { length } = text;
    if (length < this.#least) return false;
    let at = 0;
    let place = 0;
    // Where the last star goes on if it takes one more byte, and the last directories if they are one more: those before them took
    // as little as they could, which leaves the most to what follows.
    let starAt = -1;
    let starPlace = -1;
    let directoriesAt = -1;
    let directoriesPlace = -1;
    for (;;) {
      const code = codes[place] ?? -1;
      if (code === -1) {
        if (at === length) return true;
      } else if (code === CODE.STAR) {
        starAt = at;
        starPlace = ++place;
        continue;
      } else if (code === CODE.REST) return true;
      else if (code === CODE.DIRECTORIES || code === CODE.SOME_DIRECTORIES) {
        if (code === CODE.SOME_DIRECTORIES) {
          at = text.indexOf("/", at) + 1;
          if (at === 0) return false;
        }
        directoriesAt = at;
        directoriesPlace = ++place;
        starPlace = -1;
        continue;
      } else if (at < length && this.#takes(code, text.charCodeAt(at))) {
        // A star before a slash can't go beyond it.
        if (code === SLASH) starPlace = -1;
        at++;
        place++;
        continue;
      }
      if (starPlace !== -1 && starAt < length && text.charCodeAt(starAt) !== SLASH) {
        at = ++starAt;
        place = starPlace;
        continue;
      }
      const slash = directoriesPlace === -1 ? -1 : text.indexOf("/", directoriesAt);
      if (slash === -1) return false;
      at = directoriesAt = slash + 1;
      place = directoriesPlace;
      starPlace = -1;
    }
  }

  #takes(code: number, byte: number): boolean {
    if (code < CODE.ANY) return code === byte;
    if (code === CODE.ANY) return byte !== SLASH;
    return this.#sets[code - CODE.SET]?.[byte] === 1;
  }
}

/** Ranges of bytes, each as its first and its last one. */
const classes: Readonly<Record<string, string>> = {
  alnum: "azAZ09",
  alpha: "azAZ",
  blank: "  \t\t",
  cntrl: "\0\x1f\x7f\x7f",
  digit: "09",
  graph: "!~",
  lower: "az",
  print: " ~",
  punct: "!/:@[`{~",
  space: "  \t\n\r\r",
  upper: "AZ",
  xdigit: "09afAF",
};

/**
 * Puts what a bracket expression stands for into a set.
 *
 * @param from Behind its first character.
 * @returns Where it ends, or -1 if it does not, or says what Git does not know.
 */
function bracket(glob: string, from: number, set: Uint8Array): number {
  let at = from;
  const isNegated = glob[at] === "!" || glob[at] === "^";
  if (isNegated) at++;
  const first = at;
  /** What a range can begin with. */
  let low: string | undefined;
  for (; glob[at] !== "]" || at === first; at++) {
    const char = glob[at];
    if (char === undefined) return -1;
    if (char === "-" && low !== undefined && ![undefined, "]"].includes(glob[at + 1])) {
      if (glob[++at] === "\\") at++;
      if (at >= glob.length) return -1;
      set.fill(1, low.charCodeAt(0), glob.charCodeAt(at) + 1);
      low = undefined;
      continue;
    }
    if (char === "[" && glob[at + 1] === ":") {
      const end = glob.indexOf("]", at + 2);
      if (end === -1) return -1;
      // Without a second colon it is a set like any other.
      if (end > at + 2 && glob[end - 1] === ":") {
        const name = glob.slice(at + 2, end - 1);
        const ranges = Object.hasOwn(classes, name) ? classes[name] : undefined;
        if (ranges === undefined) return -1;
        for (let range = 0; range < ranges.length; range += 2)
          set.fill(1, ranges.charCodeAt(range), ranges.charCodeAt(range + 1) + 1);
        at = end;
        low = undefined;
        continue;
      }
    }
    if (char === "\\") at++;
    if (at >= glob.length) return -1;
    low = glob.charAt(at);
    set[low.charCodeAt(0)] = 1;
  }
  if (isNegated) for (let byte = 0; byte < set.length; byte++) set[byte] = set[byte] === 1 ? 0 : 1;
  return at + 1;
}
