/**
 * Objects of options: that they are some, and that each name in them means anything.
 *
 * @module
 */
import { described } from "../libc.ts";
import { nearest } from "./nearest.ts";

/** Every name that options can have. The compiler asks for those that are missing. */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: true };

type Names = Readonly<Record<string, true>>;

/**
 * Checks that options are an object, and that there are options of these names: one that nobody reads would change nothing, and
 * nobody would say so.
 *
 * @param known {@linkcode OptionNames} of them.
 * @param within What they are the value of, if that is another option.
 * @param elsewhere What other libraries call it, and what it is here.
 * @throws {TypeError} It is not so.
 */
export function checkNames(
  options: object,
  known: Names,
  within?: string,
  elsewhere: Readonly<Record<string, string>> = {},
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw noOptions(options, within);
  // No list of them is made: who reads one event after another with a time-out passes here each time.
  for (const name in options) {
    if (known[name] === true || isAbsent(options, name)) continue;
    throw strange(name, Object.keys(known), within, elsewhere);
  }
}

/**
 * Checks options that others read as well, whose names nobody here knows.
 *
 * @throws {TypeError} The name of one is nearly one of ours.
 */
export function checkMistyped(options: object, ours: Names): void {
  const names = Object.keys(ours);
  for (const name of Object.keys(options))
    if (nearest(name, names) !== undefined && !isAbsent(options, name)) throw strange(name, names);
}

/** Checks an option that ends what it is given to. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new TypeError(`Cannot take signal: expected an AbortSignal, got ${described(signal)}`);
}

/** Checks an option that is a boolean. */
export function checkBoolean(value: boolean, name: string): void {
  if (typeof value !== "boolean")
    throw new TypeError(`Cannot take ${name}: expected a boolean, got ${described(value)}`);
}

function noOptions(value: unknown, within: string = "options"): TypeError {
  return new TypeError(`Cannot take ${within}: expected an object, got ${described(value)}`);
}

function isAbsent(options: object, name: string): boolean {
  return (
    !Object.hasOwn(options, name) ||
    (options as Readonly<Record<string, unknown>>)[name] === undefined
  );
}

function strange(
  name: string,
  known: readonly string[],
  within?: string,
  elsewhere: Readonly<Record<string, string>> = {},
): TypeError {
  const path = (one: string): string => (within === undefined ? one : `${within}.${one}`);
  const meant = Object.hasOwn(elsewhere, name) ? elsewhere[name] : nearest(name, known);
  const hint = meant === undefined ? `only ${known.join(", ")}` : `did you mean ${path(meant)}?`;
  return new TypeError(`Cannot take ${path(name)}: there is no such option, ${hint}`);
}
