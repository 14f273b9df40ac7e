/** Entries by what they are watched by. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { Handles } from "../../src/watch/directories/handles.ts";
import { NONE } from "../../src/watch/tree/node.ts";

test("Handles keeps what a map of lists would, whatever the numbers are", () => {
  const number = fc.oneof(fc.nat(40), fc.nat(5000), fc.nat(0x7fffffff));
  const step = fc.tuple(
    fc.constantFrom("add", "remove", "take"),
    number,
    fc.integer({ min: 1, max: 4 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const handles = new Handles();
      const lists = new Map<number, number[]>();
      for (const [what, handle, node] of steps) {
        const list = lists.get(handle) ?? [];
        const rest = list.filter((other) => other !== node);
        if (what === "take") {
          expect(handles.take(handle)).toEqual(list);
          lists.delete(handle);
        } else if (what === "remove") {
          expect(handles.remove(handle, node)).toBe(rest.length === 0);
          lists.set(handle, rest);
        } else {
          handles.add(handle, node);
          if (!list.includes(node)) lists.set(handle, [...list, node]);
        }
        const now = lists.get(handle) ?? [];
        expect(handles.of(handle)).toEqual(now);
        expect(handles.only(handle)).toBe(now.length === 1 ? (now[0] ?? NONE) : NONE);
      }
      for (const [handle, list] of lists) expect(handles.of(handle)).toEqual(list);
      expect(handles.size).toBe([...lists.values()].filter(({ length }) => length > 0).length);
    }),
  );
});

test("Handles finds numbers that were counted up", () => {
  const handles = new Handles();
  for (let handle = 1; handle <= 5000; handle++) handles.add(handle, handle + 1);
  for (let handle = 1; handle <= 5000; handle += 2) handles.remove(handle, handle + 1);
  expect(handles.size).toBe(2500);
  const wrong = [];
  for (let handle = 1; handle <= 5000; handle++)
    if (handles.only(handle) !== (handle % 2 === 0 ? handle + 1 : NONE)) wrong.push(handle);
  expect(wrong).toEqual([]);
});
