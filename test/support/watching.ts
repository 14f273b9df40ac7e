/** What watches a tree of directories by their paths, one call at a time. */
import { close } from "bun-butter/syscalls";

import { type Pinned, pinned, type PinnedString } from "../../src/libc.ts";
import { read_nonblock } from "../../src/syscalls/fd.ts";
import { InotifyBackend } from "../../src/watch/backend/inotify.ts";
import { resolvePath } from "../../src/watch/disk/resolve.ts";
import { Engine } from "../../src/watch/engine/engine.ts";
import { Ignore } from "../../src/watch/ignore/ignore.ts";
import { PlainTeller } from "../../src/watch/teller/teller.ts";
import { Tellings } from "../../src/watch/teller/times.ts";
import { type Node, NONE } from "../../src/watch/tree/node.ts";
import { Paths } from "../../src/watch/tree/paths.ts";
import { Tree } from "../../src/watch/tree/tree.ts";
import { Model } from "./watch.ts";

/** Called around the call that watches a path. */
interface Around {
  readonly before?: (path: string) => void;
  readonly after?: (path: string) => void;
}

class Interrupted extends InotifyBackend {
  readonly around: Around;

  constructor(around: Around) {
    super(false);
    this.around = around;
  }

  override watchPath(path: PinnedString): number {
    const text = Buffer.from(path.bytes).toString().replace(/\0.*/s, "");
    this.around.before?.(text);
    try {
      return super.watchPath(path);
    } finally {
      this.around.after?.(text);
    }
  }
}

/** A watcher without an event loop. */
export class Watching implements Disposable {
  readonly model = new Model();
  readonly #root: string;
  readonly #tree = new Tree();
  readonly #paths = new Paths(this.#tree);
  readonly #teller = new PlainTeller(this.#tree, this.#paths, false);
  readonly #backend: Interrupted;
  readonly #engine: Engine;
  readonly #buffer: Pinned = pinned(64 * 1024);

  constructor(root: string, loud: boolean, around: Around) {
    this.#root = root;
    this.#backend = new Interrupted(around);
    const ignore = new Ignore([], undefined);
    const options = {
      depth: Infinity,
      followSymlinks: false,
      isEarly: false,
      known: new Tellings(),
    };
    this.#engine = new Engine(
      this.#tree,
      this.#paths,
      this.#backend,
      ignore,
      this.#teller,
      options,
    );
    const { scanner, watches } = this.#engine.directories;
    watches.trustPaths();
    this.#engine.roots.add(resolvePath(root), loud);
    scanner.run(Infinity);
    watches.trust.end();
  }

  /** Reads until there is nothing, as a watcher does. */
  read(): readonly string[] {
    const { scanner } = this.#engine.directories;
    for (;;) {
      const length = Math.max(0, read_nonblock(this.#backend.fd, this.#buffer));
      const end = this.#backend.follow(this.#buffer, length, this.#engine);
      this.#backend.decode(this.#buffer, end, this.#engine);
      this.#engine.handed();
      if (length === 0) this.#engine.emptied(Date.now(), true, Infinity);
      scanner.run(Infinity);
      this.#engine.settle();
      if (length === 0 && scanner.idle && !this.#engine.isUnsettled) break;
    }
    this.#engine.expire(Infinity);
    scanner.run(Infinity);
    const events = this.#teller.take();
    this.model.apply(events);
    return events.map(({ type, path }) => `${type} ${path}`);
  }

  /** The paths that are known. */
  get known(): readonly string[] {
    const paths: string[] = [];
    const visit = (node: Node): void => {
      paths.push(this.#paths.shown(node).text);
      for (let child = this.#tree.first(node); child !== NONE; child = this.#tree.next(child))
        visit(child);
    };
    visit(this.#engine.roots.above(Buffer.from(`${this.#root}/any`))?.node ?? NONE);
    return paths.toSorted();
  }

  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
    close(this.#backend.fd);
    this.#buffer[Symbol.dispose]();
  }
}
