/** What a call may not be given, and how it says so before the kernel is asked. */
import { expect } from "bun:test";

import { type OSError, ValueError } from "bun-butter";
import type { FdLike } from "bun-butter/syscalls";

/** Of no type that a number, a path or a buffer has. `bun:ffi` makes 0 of most. */
export const strangers: readonly unknown[] = [
  undefined,
  null,
  "3",
  true,
  3n,
  {},
  [],
  Symbol("three"),
  () => 3,
  { valueOf: () => 3 },
];

/** What a call throws, or an error that says what it returned. */
export function thrown(call: () => unknown): unknown {
  try {
    return new Error(`returned ${Bun.inspect(call())}`);
  } catch (error) {
    return error;
  }
}

/** Expects a refusal in one of our own sentences. */
export function expectRefusal(
  call: () => unknown,
  Class: typeof TypeError | typeof RangeError,
): void {
  const error = thrown(call);
  expect(error).toBeInstanceOf(Class);
  expect((error as Error).message).toMatch(/^Cannot take [\w.[\]]+(\(\))?: /);
}

/** Expects the kernel to refuse, with this error. */
export function expectErrno(call: () => unknown, Class: typeof OSError, code: string): void {
  const error = thrown(call);
  expect(error).toBeInstanceOf(Class);
  expect(error).toHaveProperty("code", code);
}

/** What is more than an `int`, or none. */
export const noInts: readonly number[] = [2 ** 31, -(2 ** 31) - 1, 3.5, NaN, Infinity];

/** Expects an argument that is an `int`, and nothing else. */
export function expectInt(call: (value: number) => unknown): void {
  for (const value of strangers) expectRefusal(() => call(value as number), TypeError);
  for (const value of noInts) expectRefusal(() => call(value), RangeError);
}

/** Expects an argument that is an `unsigned int`, and nothing else. */
export function expectUint(call: (value: number) => unknown): void {
  for (const value of strangers) expectRefusal(() => call(value as number), TypeError);
  for (const value of [2 ** 32, -(2 ** 31) - 1, 0.5, NaN])
    expectRefusal(() => call(value), RangeError);
}

/** Expects an argument that is a descriptor or has one, and `EBADF` for one that is not open. */
export function expectDescriptor(call: (fd: FdLike) => unknown): void {
  for (const value of strangers) expectRefusal(() => call(value as FdLike), TypeError);
  for (const value of noInts) expectRefusal(() => call(value), RangeError);
  expectErrno(() => call(-1), ValueError, "EBADF");
  expectErrno(() => call(2 ** 31 - 1), ValueError, "EBADF");
  expectErrno(() => call({ fd: -1 }), ValueError, "EBADF");
  expectErrno(() => call({ fileno: () => -1 }), ValueError, "EBADF");
}
