/**
 * What makes events of what the kernel tells: made when it is needed first, which can be after events began to be queued.
 *
 * @module
 */
import type { Backend } from "./backend/backend.ts";
import type { Choice } from "./backend/choose.ts";
import { absence } from "./disk/absence.ts";
import type { GivenPath } from "./disk/resolve.ts";
import { Engine } from "./engine/engine.ts";
import { Ignore } from "./ignore/ignore.ts";
import type { Settings } from "./options.ts";
import { CalmTeller } from "./teller/calm.ts";
import { PlainTeller } from "./teller/teller.ts";
import { NotingTeller, Tellings, Times } from "./teller/times.ts";
import { KIND } from "./tree/node.ts";
import { pathName, Paths } from "./tree/paths.ts";
import { Tree } from "./tree/tree.ts";

/** The works of a watcher. */
export interface Works {
  readonly tree: Tree;
  readonly backend: Backend;
  readonly engine: Engine;
  /** Has what is to be told. */
  readonly teller: PlainTeller;
}

/** @param isEarly Whether what happens is told before the tree is read. */
export function worksOf(settings: Settings, { make }: Choice, isEarly: boolean): Works {
  const tree = new Tree();
  const ignore = new Ignore(settings.ignore, settings.gitignore);
  const paths = new Paths(tree);
  const isCalm = settings.settle !== undefined || settings.atomic > 0;
  const teller = isCalm
    ? new CalmTeller(tree, paths, settings)
    : new PlainTeller(tree, paths, settings.stat);
  const times = settings.poll === 0 ? undefined : new Times(paths);
  const known = times ?? new Tellings();
  const backend = make();
  const options = { ...settings, known, times, isEarly };
  return {
    tree,
    backend,
    teller,
    engine: new Engine(
      tree,
      paths,
      backend,
      ignore,
      new NotingTeller(tree, known, teller),
      options,
    ),
  };
}

/**
 * Watches a path. What is not there may come, if that is all right, or was watched already.
 *
 * @throws {OSError} It is not there, and has to be.
 */
export function begin(
  { engine, teller }: Works,
  anchor: GivenPath,
  { initial, mustExist }: Settings,
): void {
  const wasWatched = engine.roots.has(anchor);
  if (engine.roots.add(anchor, initial)) return;
  const error = absence(anchor);
  if (mustExist) {
    if (!wasWatched) engine.roots.remove(anchor);
    throw error;
  }
  const isMissing = error.code === "ENOENT" || error.code === "ENOTDIR";
  if (!isMissing) teller.failed(pathName(anchor.shown), KIND.DIRECTORY, error);
}
