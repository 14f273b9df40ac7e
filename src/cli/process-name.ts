/**
 * What a process calls itself, and how rows name it.
 *
 * @module
 */
import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";

import type { Lead } from "./format.ts";

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

/** Who did something. */
export interface Doer {
  /** `undefined` if it can't be seen from here. */
  readonly pid: number | undefined;
  /** `undefined` if it is gone. */
  readonly name: Uint8Array | undefined;
}

/** `bash(1234)`, `?(1234)` if it is gone, `?` if it can't be seen. */
export function leadOf({ pid, name = UNKNOWN }: Doer): Lead {
  const number = Buffer.from(pid === undefined ? "" : `(${pid})`);
  return {
    text: Buffer.concat([name, number]),
    columns: [name === UNKNOWN ? "" : name, `${pid ?? 0}`],
  };
}

/** Fields of a JSON line. */
export function doerData({ pid, name }: Doer): Readonly<Record<string, unknown>> {
  return { pid, ...(name && { command: new TextDecoder().decode(name), ...rawOf(name) }) };
}

/** The exact bytes of a name that is not text. */
function rawOf(name: Uint8Array): { readonly commandBytes?: readonly number[] } {
  return isUtf8(name) ? {} : { commandBytes: [...name] };
}

const UNKNOWN = Buffer.from("?");
const SPACE = Buffer.from(" (");
const END = Buffer.from(")");
