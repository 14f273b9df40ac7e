/** The guides: links lead somewhere, commands exist and run, plots are those of the figures. */
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";

import { contents, guides } from "../../docs/contents.ts";
import { plot, plotted } from "../../docs/plots.ts";
import { commands } from "../../src/cli/commands.ts";
import { bun, run } from "../support/child.ts";
import { type Fence, fencesOf, lacks } from "../support/fences.ts";
import { parallel } from "../support/parallel.ts";
import { filesOf, textOf, top } from "../support/source.ts";
import { tempDir } from "../support/temp.ts";

const documents = [...filesOf("*.md"), ...filesOf("docs/guides/*.md"), "bench/README.md"];
const fences = documents.flatMap(fencesOf);

test("guides/README.md lists each guide once", () => {
  const listed = contents().map(({ file }) => basename(file));
  const there = filesOf("docs/guides/*.md").map((file) => basename(file));
  expect(listed.toSorted()).toEqual(there.filter((name) => name !== "README.md"));
});

test.each(documents)("%s: what it links to in the package is there", (file) => {
  const prose = textOf(file).replaceAll(/^```[\s\S]*?^```$/gm, "");
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  const dead = links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? file : relative(top, join(top, dirname(file), path));
    if (!existsSync(join(top, target))) return true;
    return anchor !== undefined && !headingsOf(target).includes(anchor);
  });
  expect(dead).toEqual([]);
});

/** As GitHub and TypeDoc name them in links. */
function headingsOf(file: string): readonly string[] {
  if (statSync(join(top, file)).isDirectory()) return [];
  const prose = textOf(file).replaceAll(/^```[\s\S]*?^```$/gm, "");
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("code is TypeScript or shell, which is checked, or says that it is neither", () => {
  const languages = new Set(["ts", "sh", "text", "json", "ini", "docker"]);
  expect(fences.filter(({ language }) => !languages.has(language))).toEqual([]);
});

const shell = fences.filter(({ language }) => language === "sh");
const programs = shell.filter(({ words }) => words.includes("run"));

describe("shell", async () => {
  /** `run` is no program. */
  const needsOf = (fence: Fence) => ({
    ...fence,
    words: fence.words.filter((word) => word !== "run"),
  });
  const runnable = programs.filter((fence) => lacks(needsOf(fence)).length === 0);
  const outcomes = new Map(
    await parallel(runnable, async (fence) => [fence.at, await runShell(fence)] as const),
  );

  for (const fence of programs) {
    const lacking = lacks(needsOf(fence));
    const why = lacking.length === 0 ? "" : ` (needs ${lacking.join(", ")})`;
    test.skipIf(lacking.length > 0)(`${fence.at} runs${why}`, () => {
      expect(outcomes.get(fence.at)).toMatchObject({ exitCode: 0 });
    });
  }
});

/** In an empty directory, with `butter` on PATH. */
async function runShell({ code, words }: Fence): Promise<unknown> {
  using dir = tempDir();
  using bin = tempDir();
  writeFileSync(
    bin.at("butter"),
    `#!/bin/sh\nexec "${bun}" "${join(top, "src/cli/main.ts")}" "$@"\n`,
  );
  chmodSync(bin.at("butter"), 0o755);
  const unshare = words.includes("CAP_SYS_ADMIN") ? ["unshare", "--mount"] : [];
  return await run([...unshare, "bash", "-euo", "pipefail", "-c", code], {
    cwd: dir.path,
    env: { PATH: `${bin.path}:${process.env["PATH"]}` },
  });
}

test.each(shell.filter(({ words }) => !words.includes("run")))(
  "$at: its commands exist",
  ({ code }) => {
    for (const line of code.split("\n")) {
      const [, name = "", rest = ""] = /^butter (\w+)(.*)$/.exec(line) ?? [];
      if (name !== "") {
        const command = commands.find((candidate) => candidate.name === name);
        expect({ line, name: command?.name }).toEqual({ line, name });
        expect(() => command?.parse(wordsOf(rest))).not.toThrow();
      }
      const [, script] = /\bbun run (\w+)/.exec(line) ?? [];
      if (script !== undefined) expect(textOf("package.json")).toContain(`"${script}": `);
      const [, example] = /\bbun (examples\/\S+)/.exec(line) ?? [];
      if (example !== undefined) expect(existsSync(join(top, example))).toBe(true);
    }
  },
);

/** The words of the first command of a line. */
function wordsOf(line: string): readonly string[] {
  const found: string[] = [];
  for (const [, quoted, word = ""] of line.matchAll(/'([^']*)'|(\S+)/g)) {
    if (quoted === undefined && /^(?:\||&&|#|;|>)/.test(word)) break;
    found.push(quoted ?? word);
  }
  // A number, as the shell would put one there.
  return found.map((word) => (word === "PID" ? "1" : word));
}

test.each(plotted())("the plot of %s is that of its figures", (name) => {
  expect(textOf(`docs/performance/${name}.svg`)).toBe(plot(name));
});

test("each plot is on a page", () => {
  const text = textOf(relative(top, join(guides, "performance.md")));
  expect(plotted().filter((name) => !text.includes(`../performance/${name}.svg`))).toEqual([]);
});
