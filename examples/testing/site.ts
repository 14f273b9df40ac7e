/**
 * A static-site generator: `bun examples/testing/site.ts SRC OUT`
 *
 * Makes a page of each `.md`, copies the rest, and writes only what is different.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const [src = "src", out = "out"] = process.argv.slice(2);
const files = (dir: string): string[] => [
  ...new Bun.Glob("**/*").scanSync({ cwd: dir, dot: true }),
];

function pageOf(markdown: string): string {
  const [title = ""] = /(?<=^# ).+/m.exec(markdown) ?? [];
  return `<!doctype html>\n<title>${Bun.escapeHTML(title)}</title>\n${Bun.markdown.html(markdown)}`;
}

mkdirSync(out, { recursive: true });
const left = new Set(files(out));
for (const file of files(src)) {
  const content = readFileSync(join(src, file));
  const isPage = file.endsWith(".md");
  const target = isPage ? file.replace(/\.md$/, ".html") : file;
  const made = isPage ? Buffer.from(pageOf(content.toString())) : content;
  if (left.delete(target) && readFileSync(join(out, target)).equals(made)) continue;
  mkdirSync(dirname(join(out, target)), { recursive: true });
  writeFileSync(join(out, target), made);
  console.log("wrote", target);
}
for (const file of left) rmSync(join(out, file));
