/** What guides there are, in the order and under the headings of guides/README.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const guides: string = join(import.meta.dir, "guides");

/** One guide. */
export interface Guide {
  readonly file: string;
  /** The heading that its link is under. */
  readonly section: string;
}

/** The guides that the contents link to. */
export function contents(): readonly Guide[] {
  const text = readFileSync(join(guides, "README.md"), "utf8");
  return text.split(/^## /m).flatMap((part) => {
    const [section = ""] = part.split("\n", 1);
    const links = part.matchAll(/^- \[[^\]]+\]\(([\w-]+\.md)\)/gm);
    return [...links].map(([, file = ""]) => ({ file: join(guides, file), section }));
  });
}
