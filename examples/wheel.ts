/**
 * Tells which sessions are idle, however many there are, with one timer: `bun examples/wheel.ts IDLE`
 *
 * Each line of the input names a session that is in use. It is idle when IDLE milliseconds have passed without another one.
 */
import { Timerfd } from "bun-butter";

/** Milliseconds. */
const TICK = 10;

const idle = Number(process.argv[2]);
if (!(idle > 0 && idle < 1e9)) {
  console.error("usage: wheel.ts IDLE");
  process.exit(2);
}

/** A timer wheel: each slot has what expires at its tick of this turn, or of a later one. To set one of a million costs as much as one of ten. */
const slots = Array.from({ length: 64 }, () => new Set<string>());
/** The tick at which each session expires. */
const due = new Map<string, number>();
let now = 0;
const timer = new Timerfd();

function use(name: string): void {
  if (due.size === 0) timer.ref().set({ interval: TICK });
  // The tick that is under way is not a whole one.
  const tick = now + Math.ceil(idle / TICK) + 1;
  due.set(name, tick);
  slots[tick % slots.length]?.add(name);
}

function turn(): void {
  now++;
  const slot = slots[now % slots.length] ?? new Set();
  for (const name of slot) {
    const left = (due.get(name) ?? -1) - now;
    if (left > 0 && left % slots.length === 0) continue;
    // It expires now, or was used again and is in another slot as well.
    slot.delete(name);
    if (left === 0 && due.delete(name)) console.log(name, "is idle");
  }
  // While nothing waits it wakes nobody, and keeps nobody from ending.
  if (due.size === 0) timer.unref().disarm();
}

async function run(): Promise<void> {
  for await (const { expirations } of timer) for (let at = 0; at < expirations; at++) turn();
}

void run();
for await (const name of console) if (name !== "") use(name);
