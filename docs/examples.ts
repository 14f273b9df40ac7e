/** The page of examples: each program with what its doc comment says. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "../examples");

/** As Markdown: the table of tasks, whose links lead to the programs below it. */
export function examples(): string {
  const index = readFileSync(join(root, "README.md"), "utf8");
  // Of a program of many files the one that is run, which says where the others are.
  const isListed = (file: string): boolean =>
    !file.startsWith("dashboard/") || index.includes(`](${file})`);
  const files = [...new Bun.Glob("**/*.ts").scanSync({ cwd: root })].filter(isListed).toSorted();
  const tasks = index
    .replace(/^# .*\n/, "")
    .replaceAll(/\]\(([^)]+\.ts)\)/g, (_, file: string) => `](#${file.replaceAll(/[./]/g, "")})`)
    .replaceAll(/\[([^\]]+)\]\((?!#)[^)]+\)/g, "$1");
  return ["", tasks, "# The programs", "", ...files.flatMap(sectionOf)].join("\n");
}

function sectionOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), "utf8");
  const [comment = ""] = /^\/\*\*[\s\S]*?\*\/\n/.exec(text) ?? [];
  const said = comment
    .replaceAll(/^\/\*\*|\*\/$/gm, "")
    .replaceAll(/^ \* ?/gm, "")
    .trim();
  return [`## ${file}`, "", said, "", "```ts", text.slice(comment.length).trim(), "```", ""];
}
