/** The page: what comes goes into the history and the plots, and is drawn when there is a frame for it. */
import type { Message } from "../wire.ts";
import { Connection, type State, type Transport } from "./connection.ts";
import { Details } from "./details.ts";
import { byId, say } from "./dom.ts";
import { Header } from "./header.ts";
import { History, MOST, queryOf } from "./history.ts";
import { type Item, itemOf, type Kind, noticeOf } from "./item.ts";
import { shortcuts } from "./keys.ts";
import { List } from "./list.ts";
import { Login, loginFromAddress } from "./login.ts";
import { Samples } from "./samples.ts";
import { Signals } from "./signals.ts";
import { Tabs } from "./tabs.ts";
import { Theming } from "./theme.ts";
import { Who } from "./who.ts";

const number = new Intl.NumberFormat("en");
const events = (count: number): string =>
  `${number.format(count)} ${count === 1 ? "event" : "events"}`;

/** Milliseconds between drawings while much happens. */
const FRAME = 60;

const past = new History();
const samples = new Samples();
const header = new Header();
const signals = new Signals(byId("signals", HTMLElement));
const details = new Details();
const filter = byId("filter", HTMLInputElement);
const transport = byId("transport", HTMLSelectElement);
const grid = byId("list", HTMLElement);
const list = new List(grid, byId("rows", HTMLElement));
const who = new Who(byId("who", HTMLElement), (name) => search(name));
const theme = new Theming(byId("theme", HTMLButtonElement));
const tabs = new Tabs(byId("tabs", HTMLElement), (kind) => {
  shown = kind;
  choose();
});
const newest = byId("newest", HTMLButtonElement);

let shown: Kind | undefined;
let roots: readonly string[] = [];
let epoch = "";
/** Who touched what is known by touches, or else by changes. */
let doers: Kind = "touch";
/** What came while it is paused. */
let held: Message[] | undefined;
/** Lines that came since the last drawing. */
let added = 0;
let drawing = false;

function take(messages: readonly Message[]): void {
  if (held === undefined) return apply(messages);
  held.push(...messages);
  // More than can be shown is not worth its memory.
  if (held.length > 2 * MOST) held.splice(0, held.length - 2 * MOST);
  header.held(held.filter(({ type }) => type !== "sample" && type !== "hello").length);
}

function apply(messages: readonly Message[]): void {
  const items: Item[] = [];
  for (const message of messages) {
    const item = itemFor(message);
    if (item === undefined) continue;
    items.push(item);
    if (item.kind === doers) who.add(item);
    if (item.kind === "signal") signals.add(item.what);
  }
  added += past.add(items);
  draw();
}

function itemFor(message: Message): Item | undefined {
  switch (message.type) {
    case "hello": {
      const isRestarted = epoch !== "" && epoch !== message.epoch;
      epoch = message.epoch;
      ({ roots } = message);
      doers = message.blind === undefined ? "touch" : "change";
      who.isKnown = message.blind === undefined || message.backend === "fanotify";
      header.hello(message);
      signals.hello(message);
      if (isRestarted) samples.restart();
      for (const sample of message.samples) samples.add(sample);
      return isRestarted ? noticeOf("The server was restarted", message.started) : undefined;
    }
    case "sample":
      samples.add(message);
      return undefined;
    case "dropped": {
      return noticeOf(`This page was too slow, and lost its oldest ${events(message.dropped)}`);
    }
    case "end":
      return noticeOf(`The server ends: ${message.reason}`);
    default:
      return itemOf(message, roots);
  }
}

function draw(): void {
  if (drawing) return;
  drawing = true;
  setTimeout(
    () =>
      requestAnimationFrame(() => {
        drawing = false;
        drawNow();
      }),
    FRAME,
  );
}

function drawNow(): void {
  list.show(past.shown, added);
  added = 0;
  tabs.draw((kind) => past.count(kind));
  const [all, some] = [past.items.length, past.shown.length];
  const text = all === some ? events(all) : `${number.format(some)} of ${events(all)}`;
  say(byId("shown", HTMLElement), text);
  const isEmpty = some === 0;
  byId("empty", HTMLElement).hidden = !isEmpty;
  if (isEmpty)
    say(byId("empty", HTMLElement), all === 0 ? "Nothing happened yet" : "Nothing matches");
  newest.hidden = list.atTop;
}

/** Applies the filter and the kind. */
function choose(): void {
  past.show(shown, queryOf(filter.value));
  list.toTop();
  drawNow();
  say(byId("announce", HTMLElement), `${past.shown.length} of ${past.items.length} events match`);
}

function search(text: string): void {
  filter.value = text;
  choose();
}

function pause(): void {
  const waiting = held;
  held = waiting === undefined ? [] : undefined;
  header.paused(held !== undefined);
  if (waiting !== undefined) apply(waiting);
}

function clear(): void {
  past.clear();
  added = 0;
  drawNow();
}

const connection = new Connection({
  messages: take,
  state(state: State) {
    header.state(state);
    if (state === "denied") login.ask();
    if (state === "live") login.close();
  },
});
const login = new Login(() => connection.open());

const changeTransport = (): void => connection.open(transport.value as Transport);
const help = byId("help", HTMLDialogElement);

filter.addEventListener("input", choose);
transport.addEventListener("change", changeTransport);
grid.addEventListener("scroll", () => (newest.hidden = list.atTop), { passive: true });
newest.addEventListener("click", () => list.toTop());
byId("pause", HTMLElement).addEventListener("click", pause);
byId("clear", HTMLElement).addEventListener("click", clear);
byId("help-open", HTMLElement).addEventListener("click", () => help.showModal());
list.whenOpened((item) => void details.open(item, past.items));
setInterval(() => held === undefined && who.draw(Date.now()), 1000);

const move = (by: number) => () => {
  grid.focus({ preventScroll: true });
  list.move(by);
};
shortcuts(
  [
    { keys: ["/"], does: "Filter the history", run: () => filter.select() },
    { keys: ["p"], does: "Pause, or go on", run: pause },
    { keys: ["j", "ArrowDown"], does: "Older line", run: move(1) },
    { keys: ["k", "ArrowUp"], does: "Newer line", run: move(-1) },
    { keys: ["Enter"], does: "What is known of its file", run: () => list.open() },
    { keys: ["n", "Home"], does: "Newest line", run: () => list.toTop() },
    ...tabs.order.map((kind, index) => ({
      keys: [`${index + 1}`],
      does: `Show ${kind === undefined ? "everything" : `${kind}s`}`.replace("chs", "ches"),
      run: () => tabs.choose(kind),
    })),
    { keys: ["c"], does: "Clear the history", run: clear },
    { keys: ["t"], does: "Light, dark, or as the system", run: () => theme.next() },
    {
      keys: ["w"],
      does: "WebSocket, or server-sent events",
      run: () => {
        transport.value = transport.value === "socket" ? "events" : "socket";
        changeTransport();
      },
    },
    {
      keys: ["Escape"],
      does: "No filter",
      run: () => {
        search("");
        grid.focus({ preventScroll: true });
      },
    },
    { keys: ["?"], does: "This list", run: () => help.showModal() },
  ],
  byId("keys", HTMLElement),
);

async function begin(): Promise<void> {
  await loginFromAddress();
  connection.open();
}

// The address with the token may be pasted where the page is open already.
addEventListener("hashchange", () => location.hash.includes("token=") && void begin());
drawNow();
who.draw(Date.now());
void begin();
