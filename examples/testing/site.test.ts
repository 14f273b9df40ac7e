/** What a static-site generator makes, and that it leaves alone what is as it should be. */
import { expect, test } from "bun:test";

import { matchers, record, tempTree } from "bun-butter/testing";

expect.extend(matchers);

const program = `${import.meta.dir}/site.ts`;
const source = { "index.md": "# Home", "blog/a.md": "# A & B\n\ntext", "style.css": "body {}" };

test("makes a page of each source, and copies the rest", async () => {
  await using dir = await tempTree({ src: source });
  await Bun.$`bun ${program} src out`.cwd(dir.path).quiet();
  expect(dir).toMatchTree({
    src: source,
    out: {
      "index.html": /<title>Home<\/title>/,
      "blog/a.html": expect.stringContaining("<title>A &amp; B</title>"),
      "style.css": "body {}",
    },
  });
});

test("writes only what has changed, and removes what has no source", async () => {
  await using dir = await tempTree({ src: source });
  const build = () => Bun.$`bun ${program} src out`.cwd(dir.path).quiet();
  await build();
  await using rec = await record(dir.at("out"));
  expect(await rec.during(build)).toEqual([]);
  dir.write("src/index.md", "# New");
  dir.remove("src/blog/a.md");
  const events = await rec.during(build);
  expect(events).toHaveEmitted("change", "index.html");
  expect(events).toHaveEmitted("delete", "blog/a.html");
  expect(events).toHaveLength(2);
});
