/** What was measured, as plots and meters. */
import type { Sample, Use } from "../wire.ts";
import { byId, element, say } from "./dom.ts";
import { Plot } from "./plot.ts";

const percent = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} %`;
const milliseconds = (value: number): string =>
  value < 1000 ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : `${(value / 1000).toFixed(1)} s`;
const number = new Intl.NumberFormat("en");
const count = (value: number): string => number.format(Math.round(value));

interface Meter {
  readonly bar: HTMLElement;
  readonly fill: HTMLElement;
  readonly value: HTMLElement;
}

export class Samples {
  readonly #rate = plot("rate", "per second", "--amber", count, 10);
  readonly #cpu = plot("cpu", "Processor", "--blue", percent, 5, 100);
  readonly #memory = plot("memory", "Memory", "--violet", percent, 5, 100);
  readonly #io = plot("io", "I/O", "--teal", percent, 5, 100);
  readonly #timerfd = plot("timerfd", "Timerfd", "--teal", milliseconds, 5);
  readonly #interval = plot("interval", "setInterval", "--red", milliseconds, 5);
  readonly #home = byId("meters", HTMLElement);
  readonly #meters = new Map<string, Meter>();
  #before: Sample | undefined;

  add(sample: Sample): void {
    const before = this.#before;
    if (before !== undefined && sample.time <= before.time) return;
    this.#before = sample;
    const { time, pressure, late } = sample;
    if (before !== undefined) {
      const seconds = (time - before.time) / 1000;
      this.#rate.add(time, Math.max(0, sample.events - before.events - 1) / seconds);
    }
    this.#cpu.add(time, pressure.cpu);
    this.#memory.add(time, pressure.memory);
    this.#io.add(time, pressure.io);
    this.#timerfd.add(time, late.timerfd);
    this.#interval.add(time, late.interval);
    this.#room(sample);
  }

  /** Another server: its counts begin anew. */
  restart(): void {
    this.#before = undefined;
  }

  #room(sample: Sample): void {
    const { queues, watches, log, clients, behind, dropped } = sample;
    this.#meter("Descriptors", sample.descriptors);
    this.#meter("Watches", watches, watches.limit === undefined ? ", no limit" : "");
    if (queues.changes) this.#meter("Kernel's queue, changes", queues.changes);
    if (queues.touches) this.#meter("Kernel's queue, touches", queues.touches);
    this.#meter("Kept for clients", log);
    this.#fact("Clients", count(clients));
    this.#fact("The slowest is behind", `${count(behind)} events`);
    this.#fact("Dropped for slow clients", `${count(dropped)} events`);
    this.#fact("Memory of the server", `${count(sample.memory / 2 ** 20)} MiB`);
  }

  #meter(name: string, { used, limit }: Use, rest = ""): void {
    const { bar, fill, value } = this.#row(name, true);
    say(value, limit === undefined ? `${count(used)}${rest}` : `${count(used)} of ${count(limit)}`);
    const share = limit === undefined ? 0 : Math.min(1, used / limit);
    fill.style.transform = `scaleX(${share})`;
    bar.dataset["level"] = share > 0.9 ? "full" : share > 0.7 ? "high" : "fine";
    bar.ariaValueNow = `${used}`;
    bar.ariaValueMax = `${limit ?? used}`;
    bar.ariaValueText = value.textContent;
  }

  #fact(name: string, text: string): void {
    say(this.#row(name, false).value, text);
  }

  #row(name: string, hasBar: boolean): Meter {
    return this.#meters.getOrInsertComputed(name, () => {
      const row = element("div", "meter");
      const value = element("span", "value");
      const bar = element("div", "track");
      const fill = element("div", "fill");
      bar.append(fill);
      row.append(element("span", "label", name), value);
      if (hasBar) {
        bar.role = "meter";
        bar.ariaLabel = name;
        bar.ariaValueMin = "0";
        row.append(bar);
      }
      this.#home.append(row);
      return { bar, fill, value };
    });
  }
}

function plot(
  id: string,
  name: string,
  colour: string,
  format: (value: number) => string,
  least: number,
  most: number = Infinity,
): Plot {
  return new Plot(byId(`plot-${id}`, HTMLElement), { name, colour, format, least, most });
}
