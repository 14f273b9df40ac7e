/** Paths are put together from what is known. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { KIND, type Node, NONE } from "../../src/watch/tree/node.ts";
import { nameOfText, Paths } from "../../src/watch/tree/paths.ts";
import { Tree } from "../../src/watch/tree/tree.ts";

function anchored(paths: Paths, node: Node, path: string): void {
  const bytes = Buffer.from(path);
  paths.anchor(node, { shown: bytes, real: bytes });
}

test("Paths.call() is Paths.real() for a call, whatever was asked for before and has moved since", () => {
  const which = fc.nat(1000);
  const text = fc.constantFrom("a", "bc", "d".repeat(200), "ü");
  const step = fc.record({
    what: fc.constantFrom("add", "add", "ask", "ask", "ask", "name", "move", "remove", "anchor"),
    which,
    to: which,
    text,
  });
  fc.assert(
    fc.property(fc.constantFrom("/", "/root"), fc.array(step, { maxLength: 80 }), (top, steps) => {
      const tree = new Tree();
      const paths = new Paths(tree);
      const root = tree.add(NONE, nameOfText(""), KIND.DIRECTORY, 1);
      anchored(paths, root, top);
      const nodes = [root];
      for (const [at, one] of steps.entries()) {
        const node = nodes[one.which % nodes.length] ?? root;
        const to = nodes[one.to % nodes.length] ?? root;
        const name = nameOfText(`${one.text}${at}`);
        if (one.what === "add") nodes.push(tree.add(node, name, KIND.DIRECTORY, at));
        else if (one.what === "ask" || one.what === "name") {
          const [path, called] =
            one.what === "ask"
              ? [paths.real(node), paths.call(node)]
              : [paths.real(node, name), paths.call(node, name)];
          const expected = path.length <= 4095 ? Buffer.from(path) : undefined;
          expect(called && Buffer.from(called.bytes)).toEqual(expected);
        } else if (node === root) continue;
        else if (one.what === "anchor") anchored(paths, node, `/other${at}`);
        else if (one.what === "move" && !tree.isWithin(to, node)) tree.move(node, to, name);
        else if (one.what === "remove" && tree.first(node) === NONE) {
          paths.release(node);
          tree.remove(node);
          nodes.splice(nodes.indexOf(node), 1);
        }
      }
    }),
    { numRuns: 300 },
  );
});
