/** Links within the built site that lead nowhere. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** Each dead link as `page: link`. */
export function deadLinks(root: string): readonly string[] {
  const anchors = new Map<string, ReadonlySet<string>>();
  const anchorsOf = (file: string): ReadonlySet<string> => {
    const known = anchors.get(file);
    if (known !== undefined) return known;
    const found = new Set(
      [...readFileSync(file, "utf8").matchAll(/ (?:id|name)="([^"]+)"/g)].map(([, id = ""]) => id),
    );
    anchors.set(file, found);
    return found;
  };
  return [...new Bun.Glob("**/*.html").scanSync({ cwd: root, absolute: true })].flatMap((page) => {
    const links = readFileSync(page, "utf8").matchAll(/ (?:href|src)="([^"]*)"/g);
    return [...new Set([...links].map(([, link = ""]) => link))]
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [path = "", anchor = ""] = decodeURI(link).split("#");
        const [bare = ""] = path.split("?");
        const target = bare === "" ? page : join(dirname(page), bare);
        if (!existsSync(target)) return true;
        return anchor !== "" && target.endsWith(".html") && !anchorsOf(target).has(anchor);
      })
      .map((link) => `${relative(root, page)}: ${link}`);
  });
}
