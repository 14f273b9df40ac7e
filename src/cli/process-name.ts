/**
 * What a process calls itself.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/**
 * Its command name, 15 bytes at most, which may hold anything.
 *
 * @returns `undefined` if there is no such process, or none any more.
 */
export function processName(pid: number): Uint8Array | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`).subarray(0, -1);
  } catch {
    return undefined;
  }
}

/** `1234 (bash)`, or the number alone. */
export function processText(pid: number, name: Uint8Array | undefined): Uint8Array {
  return Buffer.concat([Buffer.from(`${pid}`), ...(name ? [SPACE, name, END] : [])]);
}

const SPACE = Buffer.from(" (");
const END = Buffer.from(")");
