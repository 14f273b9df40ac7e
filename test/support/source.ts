/** The package's own source, read as text: what imports what, what is exported, what is documented. */
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** The package's directory. */
export const top: string = join(import.meta.dir, "../..");

/** Files of the package that match, by their path from its top. */
export function filesOf(pattern: string): readonly string[] {
  return [...new Bun.Glob(pattern).scanSync({ cwd: top, onlyFiles: true })].toSorted();
}

export function textOf(file: string): string {
  return readFileSync(join(top, file), "utf8");
}

/** The text of a module without comments and template strings, which may hold other code. */
export function bare(text: string): string {
  return text
    .replaceAll(/^\s*\/\/.*$/gm, "")
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/`(?:[^`\\]|\\[\s\S])*`/g, "``");
}

/** One thing that a module takes from another. */
export interface Import {
  /** As it is written. */
  readonly specifier: string;
  /** The names between braces, if there are any. */
  readonly names: readonly string[];
}

/** Static imports and re-exports, those of types as well. */
export function importsOf(text: string): readonly Import[] {
  const code = bare(text);
  const statements = code.matchAll(/^(?:import|export)\b([^;"]*?)\bfrom\s*"([^"]+)"/gm);
  const found = [...statements].map(([, what = "", specifier = ""]) => ({
    specifier,
    names: namesIn(what),
  }));
  // What that can't see: those without a name, dynamic ones, required ones. Types alone are not in here.
  const scanned = new Bun.Transpiler({ loader: "ts" }).scanImports(text.replace(/^#!.*/, ""));
  const types = code.matchAll(/\bimport\("([^"]+)"\)/g);
  const others = new Set([
    ...scanned.map(({ path }) => path),
    ...[...types].map(([, specifier = ""]) => specifier),
  ]);
  for (const { specifier } of found) others.delete(specifier);
  return [...found, ...[...others].map((specifier) => ({ specifier, names: [] }))];
}

function namesIn(what: string): readonly string[] {
  const list = /\{([^}]*)\}/.exec(what)?.[1] ?? "";
  return list
    .split(",")
    .map((name) => name.trim().replace(/^type\s+/, ""))
    .filter((name) => name !== "");
}

/** The file that a relative specifier names, by its path from the package's top. */
export function resolveFrom(file: string, specifier: string): string {
  return relative(top, join(top, dirname(file), specifier));
}

/** One name that a module exports. */
export interface Exported {
  readonly name: string;
  /** Whether it exists for the compiler alone. */
  readonly type: boolean;
  /** Where it is declared. */
  readonly file: string;
  /** How the declaration begins. */
  readonly declaration: string;
  /** The doc comment right before it, `""` if there is none. */
  readonly doc: string;
}

const declared =
  /(?<doc>\/\*\*(?:[^*]|\*(?!\/))*\*\/\n)?^(?<declaration>export (?:abstract )?(?:async )?(?<kind>class|function\*?|const|interface|type) (?<name>[\w$]+).*)$/gm;
const listed = /^export (type )?(?:\{([^}]*)\}|(\*)) from "([^"]+)";$/gm;

/** What a module exports, wherever that is declared. */
export function exportsOf(file: string): ReadonlyMap<string, Exported> {
  const text = textOf(file);
  const found = new Map<string, Exported>();
  for (const { groups } of text.matchAll(declared)) {
    const { name = "", kind = "", declaration = "", doc = "" } = groups ?? {};
    const before = found.get(name);
    // An overload has its comment at the first signature.
    const type = kind === "interface" || kind === "type";
    found.set(name, before ?? { name, type, file, declaration, doc });
  }
  for (const [, allTypes, list, star, specifier = ""] of text.matchAll(listed)) {
    const theirs = exportsOf(resolveFrom(file, specifier));
    if (star !== undefined) for (const [name, one] of theirs) found.set(name, one);
    for (const item of (list ?? "").split(",").map((part) => part.trim())) {
      if (item === "") continue;
      const [, typed, from = "", as = from] =
        /^(type )?([\w$]+)(?: as ([\w$]+))?$/.exec(item) ?? [];
      const one = theirs.get(from);
      if (one === undefined) throw new Error(`Cannot find ${item} of ${file} in ${specifier}`);
      found.set(as, {
        ...one,
        name: as,
        type: one.type || allTypes !== undefined || typed !== undefined,
      });
    }
  }
  return found;
}

/** The entry points of package.json, from the specifier that users write to the file. */
export function entryPoints(): ReadonlyMap<string, string> {
  const { name, exports } = JSON.parse(textOf("package.json")) as {
    readonly name: string;
    readonly exports: Readonly<Record<string, string>>;
  };
  return new Map(
    Object.entries(exports)
      .filter(([, file]) => file.endsWith(".ts"))
      .map(([path, file]) => [join(name, path), file.replace(/^\.\//, "")]),
  );
}
