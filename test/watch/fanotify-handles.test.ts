/** Numbers of directories' file handles. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { FanotifyHandles } from "../../src/watch/backend/fanotify-handles.ts";

/** Few enough that the same ones come again, as short and as long as file systems make them. */
const handle = fc
  .record({ low: fc.nat(40), high: fc.nat(3), length: fc.integer({ min: 9, max: 40 }) })
  .map(({ low, high, length }) => {
    const bytes = new Uint8Array(length);
    bytes[0] = low;
    bytes[8] = high;
    bytes[length - 1] = 1;
    return bytes;
  });

const found = (table: FanotifyHandles, bytes: Uint8Array): number =>
  table.find(bytes, 0, bytes.length);

test("FanotifyHandles finds what a map would, however long the handles are", () => {
  const step = fc.tuple(fc.constantFrom("add", "remove", "recycle"), handle);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const table = new FanotifyHandles();
      const numbers = new Map<string, number>();
      const retired = new Set<number>();
      for (const [what, bytes] of steps) {
        const key = bytes.toHex();
        const known = numbers.get(key);
        expect(found(table, bytes)).toBe(known ?? 0);
        if (what === "add") {
          const number = table.add(bytes, 0, bytes.length);
          if (known === undefined) {
            expect([...numbers.values()]).not.toContain(number);
            expect(retired.has(number)).toBe(false);
          } else expect(number).toBe(known);
          numbers.set(key, number);
        } else if (what === "recycle") {
          table.recycle();
          retired.clear();
        } else if (known !== undefined) {
          table.remove(known);
          numbers.delete(key);
          retired.add(known);
        }
      }
    }),
  );
});

test("FanotifyHandles keeps thousands, and gives the numbers of removed ones again", () => {
  const table = new FanotifyHandles();
  const bytesOf = (inode: number): Uint8Array => {
    const bytes = new Uint8Array(28);
    new DataView(bytes.buffer).setUint32(16, inode, true);
    return bytes;
  };
  const numbers = Array.from({ length: 5000 }, (_, inode) => table.add(bytesOf(inode + 1), 0, 28));
  expect(new Set(numbers).size).toBe(5000);
  for (let at = 0; at < 5000; at += 2) table.remove(numbers[at] ?? 0);
  table.recycle();
  const again = Array.from({ length: 2500 }, (_, at) => table.add(bytesOf(6000 + at), 0, 28));
  expect(Math.max(...again)).toBeLessThanOrEqual(Math.max(...numbers));
  const wrong = numbers.filter(
    (number, at) => found(table, bytesOf(at + 1)) !== (at % 2 === 0 ? 0 : number),
  );
  expect(wrong).toEqual([]);
});
