/**
 * Rows of every subcommand's output, in three formats.
 *
 * @module
 */

/** Aligned and coloured for people, tab-separated for other programs, or JSON lines. */
export type Format = "terminal" | "tab" | "json";

const colours = { red: 31, green: 32, yellow: 33, magenta: 35, cyan: 36, grey: 90 } as const;

/** A colour of a terminal's own palette, so that it suits the background. */
export type Colour = keyof typeof colours;

/** One event, as it is printed. */
export interface Row {
  /** Stands before the words: who did it. */
  readonly lead?: Lead;
  /** What happened. */
  readonly words: readonly string[];
  /** The words on a terminal, where the suffix may say enough. */
  readonly brief?: readonly string[];
  /** What it happened to: a path, as bytes if it is not UTF-8. */
  readonly subject: string | Uint8Array;
  /** What stands for the subject in the tab-separated format, a column each. */
  readonly columns?: readonly (string | Uint8Array)[];
  /** Stands right after the subject on a terminal: a directory's `/`, and what else columns say. */
  readonly suffix?: string | undefined;
  /** Of the words. */
  readonly colour: Colour;
  /** The fields of the JSON line, beside its time. Only read for that. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** What stands before the words of a row: on a terminal, and as columns elsewhere. */
export interface Lead {
  readonly text: Uint8Array;
  readonly columns: readonly (string | Uint8Array)[];
}

/** Formats rows that were read at the same time, each with a newline at its end. */
export type Formatter = (time: Date, rows: readonly Row[]) => string;

/** What the formats are, for a subcommand's help. */
export const FORMAT_HELP = `Output:
  On a terminal, a line is the local time, the event, and the path; directories end in "/".
  Elsewhere it is TIME<tab>EVENT[,EVENT…]<tab>PATH, the time in UTC as ISO 8601 has it.
  With --json it is one JSON object, with time and the fields that the event has.
  The time is when the event was read: the kernel gives none.
  A line is always one line. In paths, a backslash is \\\\, a tab \\t, a newline \\n, a carriage
  return \\r; any other control character or line separator, and any byte that is not
  UTF-8, is \\xNN for each of its bytes.
  NO_COLOR=1 turns colour off, FORCE_COLOR=1 turns it on, also for the tab-separated format.`;

/** Room for the longest word of the most usual rows; longer ones push the path to the right. */
const WORDS_WIDTH = 13;

/** Room for a name of seven letters and a number of seven digits. */
const LEAD_WIDTH = 16;

/** The formatter of a format. JSON is never coloured. */
export function formatter(format: Format, coloured: boolean): Formatter {
  if (format === "json") return json;
  const paint = coloured ? painted : plain;
  return format === "tab"
    ? (time, rows) => tab(time, rows, paint)
    : (time, rows) => terminal(time, rows, paint);
}

/** Text or bytes as part of one line, as {@linkcode FORMAT_HELP} says. */
export function escape(value: string | Uint8Array): string {
  if (typeof value === "string") return value.replaceAll(special, escapeCharacter);
  let text = "";
  for (let at = 0; at < value.length;) {
    const length = sequenceLength(value[at] ?? 0);
    try {
      text += escape(strict.decode(value.subarray(at, at + length)));
      at += length;
    } catch {
      text += hex(value[at] ?? 0);
      at++;
    }
  }
  return text;
}

type Paint = (text: string, colour: Colour) => string;

const plain: Paint = (text) => text;
const painted: Paint = (text, colour) => `\x1b[${colours[colour]}m${text}\x1b[39m`;

function json(time: Date, rows: readonly Row[]): string {
  const at = time.toISOString();
  let text = "";
  for (const { data } of rows) text += `${JSON.stringify({ time: at, ...data })}\n`;
  return text;
}

function tab(time: Date, rows: readonly Row[], paint: Paint): string {
  const at = paint(time.toISOString(), "grey");
  let text = "";
  for (const { lead, words, subject, columns = [subject], colour } of rows) {
    const who = lead === undefined ? "" : `${lead.columns.map(escape).join("\t")}\t`;
    text += `${at}\t${who}${paint(words.join(","), colour)}\t${columns.map(escape).join("\t")}\n`;
  }
  return text;
}

function terminal(time: Date, rows: readonly Row[], paint: Paint): string {
  const at = paint(clock(time), "grey");
  let text = "";
  for (const { lead, words, brief = words, subject, suffix = "", colour } of rows) {
    const who = lead === undefined ? "" : `${escape(lead.text).padEnd(LEAD_WIDTH)}  `;
    const what = brief.join(" ").padEnd(WORDS_WIDTH);
    text += `${at}  ${who}${paint(what, colour)}  ${escape(subject)}${suffix}\n`;
  }
  return text;
}

function clock(time: Date): string {
  const ms = digits(3, time.getMilliseconds());
  return `${digits(2, time.getHours())}:${digits(2, time.getMinutes())}:${digits(2, time.getSeconds())}.${ms}`;
}

function digits(width: number, value: number): string {
  return `${value}`.padStart(width, "0");
}

/** Backslash, C0 and C1 control characters (terminals obey both), and what some readers take for a newline. */
// oxlint-disable-next-line no-control-regex
const special = /[\\\x00-\x1f\x7f-\x9f\u2028\u2029]/g;
const short: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
};
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

function escapeCharacter(character: string): string {
  return short[character] ?? Array.from(encoder.encode(character), hex).join("");
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0").toUpperCase()}`;
}

/** How many bytes a UTF-8 sequence has that begins with this one. */
function sequenceLength(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
