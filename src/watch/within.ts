/**
 * What is mounted within what a watcher is to watch.
 *
 * @module
 */
import { Rules } from "./directories/rules.ts";
import { type Mounted, mountedBelow } from "./disk/mounted.ts";
import { Ignore } from "./ignore/ignore.ts";
import type { Settings } from "./options.ts";
import { PlainTeller } from "./teller/teller.ts";
import { NONE } from "./tree/node.ts";
import { type Anchor, keyOf, Paths } from "./tree/paths.ts";
import { Tree } from "./tree/tree.ts";

/** What is mounted below a path, is not left out, and is not too deep. Below `/` nothing counts: something of every kind is. */
export function mountedWithin({ depth, ignore, gitignore }: Settings, anchor: Anchor): Mounted[] {
  const { real } = anchor;
  if (real.length === 1 || depth === 0) return [];
  const tree = new Tree();
  const paths = new Paths(tree);
  const rules = new Rules(
    tree,
    paths,
    new Ignore(ignore, gitignore),
    new PlainTeller(tree, paths, false),
  );
  return mountedBelow(real).filter(({ path }) => {
    const level = keyOf(path, real.length + 1).split("/").length;
    return level <= depth && !rules.leavesOut(NONE, anchor, { real: path, shown: path }, true);
  });
}
