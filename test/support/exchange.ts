/** Two files that change places at once, which no call of `node:fs` does. */
import { AT } from "bun-butter/syscalls";

import { renameat2 } from "./direct.ts";

const RENAME_EXCHANGE = 2;

/** `renameat2()` with `RENAME_EXCHANGE`: each has the name of the other afterwards. */
export function exchange(one: string, other: string): void {
  const [from, to] = [one, other].map((path) => Buffer.from(`${path}\0`));
  if (from === undefined || to === undefined) return;
  if (renameat2(AT.FDCWD, from, AT.FDCWD, to, RENAME_EXCHANGE) !== 0)
    throw new Error(`Cannot exchange ${one} and ${other}`);
}
