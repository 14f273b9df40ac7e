/** Code in the documentation: fences of Markdown, also those in doc comments. */
import { existsSync } from "node:fs";

import { can, emulated, kernel } from "./capabilities.ts";
import { textOf } from "./source.ts";

/** A fence: its language, then words of what it needs beyond Bun: `CAP_SYS_ADMIN`, `linux-6.13`, `/proc/pressure/memory`. */
export interface Fence {
  /** `README.md:12` */
  readonly at: string;
  readonly language: string;
  readonly words: readonly string[];
  readonly code: string;
}

const fence =
  /^(?<margin> *(?:\* )?)```(?<language>\S*)(?<words>.*)\n(?<code>[\s\S]*?)^ *(?:\* )?```$/gm;

export function fencesOf(file: string): readonly Fence[] {
  const text = textOf(file);
  return [...text.matchAll(fence)].map(({ index, groups = {} }) => {
    const { margin = "", language = "", words = "", code = "" } = groups;
    const lines = code.split("\n").map((line) => line.slice(margin.length));
    return {
      at: `${file}:${text.slice(0, index).split("\n").length}`,
      language,
      words: words.split(" ").filter((word) => word !== ""),
      code: lines.join("\n"),
    };
  });
}

/** What is not here of what a fence needs. */
export function lacks({ words }: Fence): readonly string[] {
  return words.filter((need) => {
    const [, major, minor] = /^linux-(\d+)\.(\d+)$/.exec(need) ?? [];
    // qemu's user-mode emulation has the host's release, and not all of its calls.
    if (major !== undefined) return emulated || !kernel(Number(major), Number(minor));
    if (need.startsWith("/")) return !existsSync(need);
    if (need === "CAP_SYS_ADMIN" && Bun.which("unshare") === null) return true;
    if (need.startsWith("CAP_")) return !can(need as Parameters<typeof can>[0]);
    return Bun.which(need) === null;
  });
}
