/**
 * `bun run docs [DIR]`: the site, out of the doc comments, guides/, examples/ and the figures in performance/, into DIR or
 * docs/dist. A warning of TypeDoc and a link that leads nowhere make it fail.
 */
import { join, relative } from "node:path";

import { deadLinks } from "./links.ts";
import { writePlots } from "./plots.ts";
import { site } from "./site.ts";

const [out = join(import.meta.dir, "dist")] = process.argv.slice(2);

async function build(): Promise<boolean> {
  writePlots();
  const app = await site();
  const project = await app.convert();
  if (project === undefined) return false;
  app.validate(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) return false;
  await app.generateDocs(project, out);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) return false;
  const dead = deadLinks(out);
  for (const link of dead) console.error(`Dead link in ${link}`);
  return dead.length === 0;
}

if (await build()) console.log(`The site is ${relative(process.cwd(), join(out, "index.html"))}`);
else process.exitCode = 1;
