/**
 * Takes signals of two other processes while two Workers allocate and the compiler is busy: `signal-storm.ts STANDARD BURSTS
 * SIZE`. Prints what came, as JSON.
 */
import { Signalfd } from "bun-butter";

import { bun } from "./child.ts";

const [standard = 0, bursts = 0, size = 0] = process.argv.slice(-3).map(Number);

/** What came from one sender. */
export interface Tally {
  standard: number;
  /** Values, in the order in which they came. */
  readonly values: number[];
  /** Signals that are not as they were sent. */
  readonly wrong: unknown[];
}

/** What this prints. */
export interface Storm {
  readonly exits: readonly number[];
  readonly tallies: readonly Tally[];
  /** Signals of nobody known. */
  readonly strangers: readonly unknown[];
}

const busy = `
  for (let round = 0; ; round++) {
    const kept = [];
    for (let n = 0; n < 20000; n++) kept.push({ n, text: "x" + n, list: [n, round] });
    if (kept.length === 0) postMessage(0);
  }
`;
const url = URL.createObjectURL(new Blob([busy], { type: "text/javascript" }));
const workers = [new Worker(url), new Worker(url)];

const realTime = Array.from({ length: 5 }, (_, at) => `SIGRTMIN+${at + 1}` as const);
using signalfd = new Signalfd(["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGRTMIN", ...realTime]);

const uid = process.getuid?.() ?? 0;
/** Of each sender. Only root may be somebody else. */
const uids = [uid, uid === 0 ? 4711 : uid];
const children = uids.map((sender, which) =>
  Bun.spawn(
    [
      bun,
      `${import.meta.dir}/signal-sender.ts`,
      ...[process.pid, which, standard, bursts, size, sender].map(String),
    ],
    { stdin: "pipe", stdout: "ignore", stderr: "inherit" },
  ),
);
const tallies = children.map((): Tally => ({ standard: 0, values: [], wrong: [] }));
const strangers: unknown[] = [];

/** A sender that fails is no loss of signals, and none to wait for. */
const failed = new AbortController();
for (const { exited } of children) {
  void exited.then((code) => {
    if (code !== 0) failed.abort(new Error(`A sender ended with ${code}`));
  });
}

/** Makes a function that is new, so that there is something to compile. */
function compile(seed: number): void {
  const body = `let sum = ${seed}; for (let i = 0; i < n; i++) sum = (sum * 31 + i) | 0; return sum;`;
  const hot = new Function("n", body) as (n: number) => number;
  for (let n = 0; n < 50; n++) hot(200);
}

let left = 2 * (standard + bursts * size);
while (left > 0) {
  const event = await signalfd.wait({ signal: failed.signal });
  const which = children.findIndex(({ pid }) => pid === event.pid);
  const [child, tally] = [children[which], tallies[which]];
  left--;
  if (child === undefined || tally === undefined) {
    strangers.push(event);
    continue;
  }
  const { code, codeNumber, value } = event;
  const queued = code === "QUEUE" && codeNumber === -1 && value !== undefined;
  if (event.uid !== uids[which] || !(queued || (code === "USER" && codeNumber === 0)))
    tally.wrong.push(event);
  if (queued) tally.values.push(value);
  else tally.standard++;
  if (!queued || tally.values.length % size === 0) {
    child.stdin.write("x");
    child.stdin.flush();
  }
  compile(left);
}
const exits = await Promise.all(children.map(({ exited }) => exited));
console.log(JSON.stringify({ exits, tallies, strangers } satisfies Storm));
for (const worker of workers) worker.terminate();
process.exit();
