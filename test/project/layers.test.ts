/** Who imports whom: the table of layers, read off every import. */
import { describe, expect, test } from "bun:test";

import { bare, filesOf, importsOf, resolveFrom, textOf } from "../support/source.ts";

/** Rows are what a layer may import. Of each other, modules of syscalls have structs and constants only. */
const layers: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  libc: ["errors"],
  syscalls: ["errors", "libc"],
  events: ["errors", "libc", "syscalls", "events"],
  system: ["errors", "libc", "syscalls", "events", "system"],
  watch: ["errors", "libc", "syscalls", "events", "system", "watch"],
  testing: ["errors", "libc", "syscalls", "events", "system", "watch", "testing", "index"],
  cli: ["errors", "libc", "syscalls", "events", "system", "watch", "cli", "index", "package.json"],
  index: ["errors", "libc", "syscalls", "events", "system", "watch", "testing", "index"],
};

/** Rows are folders of the watcher, and files beside them: what each may import of the others. */
const parts: Readonly<Record<string, readonly string[]>> = {
  event: [],
  tree: [],
  disk: ["event", "tree"],
  ignore: ["tree"],
  options: ["ignore"],
  backend: ["options", "tree", "disk"],
  teller: ["event", "options", "tree", "disk"],
  directories: ["tree", "disk", "ignore", "backend", "teller"],
  engine: ["tree", "disk", "ignore", "backend", "teller", "directories"],
  snapshot: ["event", "options", "tree", "disk", "ignore"],
};

const files = filesOf("src/**/*.ts");

/** `src/events/poll.ts` is of the layer `events`; a layer's own index is of `index`. */
function layerOf(file: string): string {
  if (file.endsWith("/index.ts")) return "index";
  return /^src\/([^/.]+)/.exec(file)?.[1] ?? file;
}

/** What is wrong with one file's imports. */
function wrongImports(file: string): readonly string[] {
  const layer = layerOf(file);
  return importsOf(textOf(file)).flatMap(({ specifier, names }) => {
    if (/^(?:node|bun):/.test(specifier))
      return layer === "errors" ? [`${file} imports ${specifier}: errors import nothing`] : [];
    if (!/^\.\.?\/.*\.(?:ts|json)$/.test(specifier))
      return [`${file} imports ${specifier}: neither node:, bun: nor a file with its ending`];
    const target = resolveFrom(file, specifier);
    const theirs = layerOf(target);
    if (layer === "syscalls" && theirs === "syscalls")
      return names
        .filter((name) => !/^(?:read_|write_|[A-Z])/.test(name))
        .map((name) => `${file} imports ${name} of ${target}: no call is made of another`);
    if (!(layers[layer] ?? []).includes(theirs))
      return [`${file} imports ${target}: ${layer} may not import ${theirs}`];
    return wrongNeighbour(file, target).concat(wrongPart(file, target));
  });
}

/** `src/watch/disk/look.ts` is of the part `disk`; files that may import all of them are of none. */
function partOf(file: string): string | undefined {
  const [, part = ""] = /^src\/watch\/([^/.]+)/.exec(file) ?? [];
  return part in parts ? part : undefined;
}

function wrongPart(file: string, target: string): readonly string[] {
  const part = partOf(file);
  const theirs = partOf(target);
  if (part === undefined || layerOf(target) !== "watch" || theirs === part) return [];
  if (theirs !== undefined && parts[part]?.includes(theirs) === true) return [];
  return [`${file} imports ${target}: ${part} may not import ${theirs ?? "what is beside it"}`];
}

/** Classes of `events/` that are a source: they know the base, and not each other. */
const sources = files.filter(
  (file) => layerOf(file) === "events" && /\bextends EventSource\b/.test(bare(textOf(file))),
);

/** `src/events/inotify-event.ts` is the neighbour of `src/events/inotify.ts`, and nobody else's. */
function ownerOf(file: string): string | undefined {
  return sources.find((source) => file === source || file.startsWith(source.replace(/\.ts$/, "-")));
}

function wrongNeighbour(file: string, target: string): readonly string[] {
  if (layerOf(file) !== "events" || layerOf(target) !== "events") return [];
  const owner = ownerOf(target);
  if (owner === undefined || owner === ownerOf(file)) return [];
  return [`${file} imports ${target}: that is a source's, and sources don't know each other`];
}

describe("layers", () => {
  test("there is source to read, with sources of events in it", () => {
    expect(files).toEqual(expect.arrayContaining(["src/errors.ts", "src/libc.ts", "src/index.ts"]));
    expect(sources).toContain("src/events/inotify.ts");
    expect(sources).not.toContain("src/events/event-source.ts");
  });

  test.each(files)("%s is of a layer, and imports only what that may", (file) => {
    expect(Object.keys(layers)).toContain(layerOf(file));
    expect(wrongImports(file)).toEqual([]);
  });

  test("each folder of watch/ is a part, which imports what is above it in the table", () => {
    const folders = files.flatMap((file) => /^src\/watch\/([^/]+)\//.exec(file)?.[1] ?? []);
    expect(Object.keys(parts)).toEqual(expect.arrayContaining([...new Set(folders)]));
    const order = Object.keys(parts);
    for (const [part, allowed] of Object.entries(parts))
      for (const theirs of allowed) expect(order.indexOf(theirs)).toBeLessThan(order.indexOf(part));
  });

  test("what is imported of a part is what its row allows, and all of that", () => {
    const imported = new Map(Object.keys(parts).map((part) => [part, new Set<string>()]));
    for (const file of files.filter((one) => layerOf(one) === "watch"))
      for (const { specifier } of importsOf(textOf(file))) {
        const theirs = partOf(resolveFrom(file, specifier));
        const part = partOf(file);
        if (theirs !== undefined && part !== theirs) imported.get(part ?? "")?.add(theirs);
      }
    for (const [part, allowed] of Object.entries(parts))
      expect([...(imported.get(part) ?? [])].toSorted()).toEqual(allowed.toSorted());
  });

  test("no file needs itself to be loaded first", () => {
    const transpiler = new Bun.Transpiler({ loader: "ts" });
    const loads = (file: string): string[] =>
      transpiler
        .scanImports(textOf(file).replace(/^#!.*/, ""))
        .filter(({ kind, path }) => kind === "import-statement" && path.endsWith(".ts"))
        .map(({ path }) => resolveFrom(file, path));
    const ways = new Map(files.map((file) => [file, loads(file)]));
    // Who loads nothing that is left, or is loaded by nothing, is no part of a circle.
    for (let before = -1; before !== ways.size;) {
      before = ways.size;
      const loaded = new Set([...ways.values()].flat());
      for (const [file, all] of ways)
        if (!loaded.has(file) || !all.some((one) => ways.has(one))) ways.delete(file);
    }
    expect([...ways.keys()]).toEqual([]);
  });

  test("the table is the order of its rows: nobody imports what comes later", () => {
    const order = Object.keys(layers);
    for (const [layer, allowed] of Object.entries(layers)) {
      if (layer === "testing" || layer === "cli" || layer === "index") continue;
      for (const theirs of allowed)
        expect(order.indexOf(theirs)).toBeLessThanOrEqual(order.indexOf(layer));
    }
    const anywhere = Object.entries(layers).filter(([, allowed]) => allowed.includes("cli"));
    expect(anywhere.map(([layer]) => layer)).toEqual(["cli"]);
  });
});

describe("imports are seen", () => {
  test.each([
    ['import { a } from "./x.ts";', ["./x.ts"]],
    ['import type { A } from "./x.ts";', ["./x.ts"]],
    ['import {\n  a,\n  type B,\n} from "./x.ts";', ["./x.ts"]],
    ['import { type A } from "./x.ts";', ["./x.ts"]],
    ['import * as x from "./x.ts";\nx();', ["./x.ts"]],
    ['import "./x.ts";', ["./x.ts"]],
    ['export * from "./x.ts";', ["./x.ts"]],
    ['export type { A } from "./x.ts";', ["./x.ts"]],
    ['const x = await import("./x.ts");\nx();', ["./x.ts"]],
    ['type A = import("./x.ts").A;', ["./x.ts"]],
    ['import { a } from "./x.ts";\nimport { b } from "./y.ts";\na(b);', ["./x.ts", "./y.ts"]],
    ['/**\n * ```ts\n * import { a } from "./x.ts";\n * ```\n */\nconst a = 1;', []],
    ['const program = `\nimport { a } from "./x.ts";\n`;', []],
  ] as const)("in %j", (text, specifiers) => {
    expect(importsOf(text).map(({ specifier }) => specifier)).toEqual([...specifiers]);
  });
});

describe("only libc.ts opens libraries", () => {
  /** What makes a function out of an address. */
  const openers = new Set(["dlopen", "linkSymbols", "CFunction", "JSCallback", "cc"]);

  test.each(files)("%s", (file) => {
    const names = importsOf(textOf(file))
      .filter(({ specifier }) => specifier === "bun:ffi")
      .flatMap((one) => one.names);
    const opened = names.filter((name) => openers.has(name.split(" ")[0] ?? ""));
    expect(opened).toEqual(file === "src/libc.ts" ? ["dlopen"] : []);
    // A namespace import or a dynamic one would hide the names.
    if (names.length === 0) expect(bare(textOf(file))).not.toContain("bun:ffi");
  });

  test("but for threads whose program can't import it", () => {
    const withText = files.filter((file) => /\bdlopen\(/.test(textOf(file)));
    expect(withText).toEqual([
      "src/events/doorbell-thread.ts",
      "src/events/fanotify-warden-program.ts",
      "src/libc.ts",
    ]);
  });
});

describe("a part loads nothing of the other parts", () => {
  /** All files that importing one loads. */
  function loadedBy(file: string, found: Set<string> = new Set()): ReadonlySet<string> {
    if (found.has(file)) return found;
    found.add(file);
    const imports = new Bun.Transpiler({ loader: "ts" }).scanImports(textOf(file));
    for (const { path } of imports)
      if (path.startsWith(".")) loadedBy(resolveFrom(file, path), found);
    return found;
  }
  const loaded = (part: string): readonly string[] => [...loadedBy(`src/${part}/index.ts`)];

  test.each(["watch", "events", "system", "syscalls"])("src/%s/index.ts", (part) => {
    const others = new Set(["watch", "system", "testing", "cli"]);
    others.delete(part);
    expect(loaded(part).filter((file) => others.has(layerOf(file)))).toEqual([]);
  });

  test("src/watch/index.ts, which has one itself, loads no source of events/", () => {
    expect(loaded("watch")).toContain("src/watch/watcher.ts");
    expect(loaded("watch").filter((file) => sources.includes(file))).toEqual([]);
  });
});

describe("an index holds re-exports only", () => {
  const indexes = files.filter((file) => file.endsWith("/index.ts"));

  test.each(indexes)("%s", (file) => {
    const rest = bare(textOf(file)).replaceAll(
      /^export (?:type )?(?:\{[^}]*\}|\*) from "[^"]+";$/gm,
      "",
    );
    expect(rest.trim()).toBe("");
  });
});
