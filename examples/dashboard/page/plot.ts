/** A plot that moves: the last minute, the newest at the right. */
import { element, say } from "./dom.ts";
import { clock } from "./list.ts";

/** Milliseconds in sight. */
const SPAN = 60_000;

/** A longer pause is a gap in the line. */
const GAP = 2500;

/** Of the drawing, which is stretched to its place. */
const WIDTH = 300;
const HEIGHT = 48;

export interface PlotOptions {
  readonly name: string;
  /** A custom property of CSS. */
  readonly colour: string;
  readonly format: (value: number) => string;
  /** The least that the scale goes to. */
  readonly least: number;
  /** The most that a value can be. */
  readonly most?: number;
}

interface Point {
  readonly time: number;
  readonly value: number;
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Plot {
  readonly #options: PlotOptions;
  readonly #svg = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" });
  readonly #moving = svg("g", {});
  readonly #line = svg("path", { class: "line" });
  readonly #area = svg("path", { class: "area" });
  readonly #value = element("output", "value", "–");
  readonly #scale = element("span", "scale");
  readonly #cursor = element("span", "cursor");
  readonly #frame = element("div", "frame");
  readonly #points: Point[] = [];
  /** A point that is looked at. */
  #looked: Point | undefined;

  constructor(home: HTMLElement, options: PlotOptions) {
    this.#options = options;
    home.style.setProperty("--line", `var(${options.colour})`);
    const legend = element("div", "legend");
    legend.append(element("span", "dot"), element("span", "label", options.name), this.#value);
    for (const share of [0, 0.5, 1]) {
      const y = `${(HEIGHT - 1) * share + 0.5}`;
      this.#svg.append(svg("line", { class: "grid", x1: "0", x2: `${WIDTH}`, y1: y, y2: y }));
    }
    this.#moving.append(this.#area, this.#line);
    this.#svg.append(this.#moving);
    this.#svg.setAttribute("role", "img");
    this.#cursor.hidden = true;
    this.#frame.append(this.#svg, this.#scale, this.#cursor);
    home.append(legend, this.#frame);
    this.#frame.addEventListener("pointermove", ({ clientX }) => this.#look(clientX));
    this.#frame.addEventListener("pointerleave", () => {
      this.#looked = undefined;
      this.#tell();
    });
  }

  /** Adds a point, or only says that there is none. */
  add(time: number, value: number | undefined): void {
    if (value === undefined) return;
    const before = this.#points.at(-1);
    this.#points.push({ time, value });
    while ((this.#points[0]?.time ?? time) < time - SPAN - GAP) this.#points.shift();
    this.#draw();
    if (before !== undefined) this.#move(Math.min(time - before.time, GAP));
  }

  #draw(): void {
    const now = this.#points.at(-1)?.time ?? 0;
    const top = this.#top;
    const at = ({ time, value }: Point): string => {
      const x = WIDTH - ((now - time) / SPAN) * WIDTH;
      const y = HEIGHT - 1 - (Math.min(Math.max(value, 0), top) / top) * (HEIGHT - 3);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    };
    const runs = this.#runs().map((run) => run.map(at));
    this.#line.setAttribute("d", runs.map((run) => `M${run.join("L")}`).join(""));
    const areas = runs.map((run) => {
      const [first, last] = [run[0], run.at(-1)].map((point) => point?.split(",")[0]);
      return `M${first},${HEIGHT}L${run.join("L")}L${last},${HEIGHT}Z`;
    });
    this.#area.setAttribute("d", areas.join(""));
    say(this.#scale, this.#options.format(top));
    this.#tell();
  }

  /** Lets it glide to where it is drawn, while the next point is awaited. */
  #move(duration: number): void {
    if (calm.matches || document.hidden) return;
    const transform = `translateX(${(duration / SPAN) * WIDTH}px)`;
    this.#moving.animate([{ transform }, { transform: "none" }], { duration });
  }

  /** Points without a gap between them. */
  #runs(): readonly (readonly Point[])[] {
    const runs: Point[][] = [];
    let before = -Infinity;
    for (const point of this.#points) {
      if (point.time - before > GAP) runs.push([]);
      runs.at(-1)?.push(point);
      before = point.time;
    }
    return runs;
  }

  /** Where the scale ends: a round number. */
  get #top(): number {
    const { least, most = Infinity } = this.#options;
    const top = Math.max(least, ...this.#points.map(({ value }) => value));
    const power = 10 ** Math.floor(Math.log10(top));
    const round = [1, 2, 5, 10].find((step) => step * power >= top) ?? 10;
    return Math.min(most, round * power);
  }

  #look(clientX: number): void {
    const { left, width } = this.#frame.getBoundingClientRect();
    const now = this.#points.at(-1)?.time ?? 0;
    const time = now - (1 - (clientX - left) / width) * SPAN;
    const far = (point: Point): number => Math.abs(point.time - time);
    [this.#looked] = this.#points.toSorted((a, b) => far(a) - far(b));
    this.#tell();
  }

  /** Says the value of now, or of where the pointer is. */
  #tell(): void {
    const { name, format } = this.#options;
    const now = this.#points.at(-1);
    const point = this.#looked ?? now;
    if (now === undefined || point === undefined) return;
    say(this.#value, format(point.value));
    this.#svg.setAttribute("aria-label", `${name}, the last minute, now ${format(now.value)}`);
    this.#cursor.hidden = this.#looked === undefined;
    const share = Math.max(0, 1 - (now.time - point.time) / SPAN);
    this.#cursor.style.left = `${share * 100}%`;
    this.#cursor.dataset["side"] = share > 0.5 ? "left" : "right";
    this.#cursor.dataset["time"] = clock(point.time).slice(0, 8);
  }
}

function svg(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
