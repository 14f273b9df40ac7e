/** Lets every call of a table fail with every errno of its map, and with one that is not in it. */
import { bun, run } from "./child.ts";
import type { Table } from "./inject.ts";

/** What one refused call did. */
export interface Failure {
  readonly call: string;
  /** What it was refused with. */
  readonly errno: string;
  /** The exception, if it was one of ours. */
  readonly error?: {
    readonly class: string;
    readonly name: string;
    readonly code: string;
    readonly errno: number;
    readonly syscall: string;
    readonly message: string;
  };
  /** What else it returned or threw. */
  readonly result?: string;
}

/** One child for the whole table: the newest refusal of a call counts. */
export async function injectTable(table: Table): Promise<readonly Failure[]> {
  const script = new URL("inject-child.ts", import.meta.url).pathname;
  const { stdout, stderr, exitCode } = await run([bun, script, table]);
  if (exitCode !== 0) throw new Error(`Cannot inject errors for ${table}: ${stderr || exitCode}`);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Failure);
}
