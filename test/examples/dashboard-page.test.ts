/** The page of examples/dashboard does what it says, in a real browser. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";

import { type Browser, chromium, type Page } from "playwright-core";

import { serve } from "../support/dashboard.ts";
import { tempDir } from "../support/temp.ts";

const executablePath = Bun.which("chromium");
const lacks = executablePath === null;
const why = lacks ? " (needs chromium)" : "";

/** Milliseconds for a test: a browser is much for a busy machine. */
const PATIENCE = 60_000;

let browser: Browser | undefined;
/** What it writes is gone with it. */
const home = tempDir();

beforeAll(async () => {
  if (executablePath === null) return;
  // The tests may be root, which Chromium's sandbox is not for.
  const env = { ...process.env, HOME: home.path };
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], env });
}, PATIENCE);

afterAll(async () => {
  await browser?.close();
  home[Symbol.dispose]();
});

/** A port that is free, and not one of those that connections are given. */
function freePort(): string {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop();
      return `${port}`;
    } catch {
      // The next one, then.
    }
  }
}

/** A page, and everything that went wrong in it. */
async function open(): Promise<readonly [page: Page, wrong: readonly string[]]> {
  if (browser === undefined) throw new Error("There is no browser");
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(20_000);
  const wrong: string[] = [];
  page.on("pageerror", ({ message }) => wrong.push(message));
  page.on("console", (message) => {
    // A server that is restarted refuses connections for a while, which the browser writes down.
    if (message.type() === "error" && !message.text().includes("ERR_CONNECTION"))
      wrong.push(message.text());
  });
  return [page, wrong];
}

const live = (page: Page): Promise<void> => page.locator("#state[data-state=live]").waitFor();
const row = (page: Page, text: string) =>
  page.locator("#rows .row").filter({ hasText: text }).first();

test.skipIf(lacks)(
  `the page of examples/dashboard shows a change, filters, pauses, and is used by keyboard${why}`,
  async () => {
    using dir = tempDir();
    mkdirSync(dir.at("w"));
    await using server = await serve(["--port", "0", dir.at("w")], { cwd: dir.path });
    const [page, wrong] = await open();
    await page.goto(server.url.href);
    await live(page);

    writeFileSync(dir.at("w/hello.txt"), "hello");
    await row(page, "hello.txt").waitFor();
    writeFileSync(dir.at("w/other\n<b>.txt"), "");
    await row(page, "other\\n<b>.txt").waitFor();

    await page.keyboard.press("/");
    await page.keyboard.type("hello");
    await row(page, "other").waitFor({ state: "hidden" });
    expect(await row(page, "hello.txt").isVisible()).toBe(true);
    await page.locator("#filter").fill("-hello");
    await row(page, "hello.txt").waitFor({ state: "hidden" });
    await row(page, "other").waitFor();
    await page.keyboard.press("Escape");
    await row(page, "hello.txt").waitFor();

    await page.keyboard.press("p");
    writeFileSync(dir.at("w/meanwhile"), "");
    await page
      .locator("#pause[aria-pressed=true]")
      .filter({ hasText: /Paused, \d+ new/ })
      .waitFor();
    expect(await row(page, "meanwhile").isVisible()).toBe(false);
    await page.keyboard.press("p");
    await row(page, "meanwhile").waitFor();

    await page.keyboard.press("?");
    await page.locator("#help").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#help").waitFor({ state: "hidden" });
    await page.keyboard.press("2");
    expect(await page.locator("#tabs input[value=change]").isChecked()).toBe(true);
    await page.locator("#filter").fill("create hello");
    await page.locator("#list").focus();
    await page.keyboard.press("j");
    const active = (await page.locator("#list").getAttribute("aria-activedescendant")) ?? "";
    expect(await page.locator(`#${active}`).getAttribute("aria-selected")).toBe("true");
    await page.keyboard.press("Enter");
    await page.locator("#details").filter({ hasText: "5 bytes" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("t");
    await page.locator("html[data-theme=light]").waitFor({ state: "attached" });

    // Everything has a value by now, and fits.
    await page.locator("#plot-cpu path.line[d^=M]").waitFor({ state: "attached" });
    await page
      .locator("#meters .meter")
      .filter({ hasText: /Descriptors\d+ of/ })
      .waitFor();
    for (const width of [320, 800]) {
      await page.setViewportSize({ width, height: 700 });
      const over = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect([width, over]).toEqual([width, 0]);
    }
    expect(wrong).toEqual([]);
  },
  PATIENCE,
);

test.skipIf(lacks)(
  `the page of examples/dashboard comes back when its server does, by either transport, and with its token${why}`,
  async () => {
    using dir = tempDir();
    const env = { DASHBOARD_TOKEN: "0123456789abcdef" };
    const port = freePort();
    const start = () => serve(["--port", port, dir.path], { cwd: dir.path, env });
    let server = await start();
    const [page, wrong] = await open();
    try {
      await page.goto(new URL("/", server.url).href);
      await page.locator("#token").fill("wrong");
      await page.keyboard.press("Enter");
      await page.locator("#login-error").filter({ hasText: "not the token" }).waitFor();
      await page.locator("#token").fill(env.DASHBOARD_TOKEN);
      await page.keyboard.press("Enter");
      await live(page);
      // The address that is printed has it, and the page takes it out of sight.
      await page.goto(server.url.href);
      await page.waitForURL(`${server.url.origin}/`);
      await live(page);

      for (const transport of ["socket", "events"]) {
        await page.locator("#transport").selectOption(transport);
        writeFileSync(dir.at(`before-${transport}`), "");
        await row(page, `before-${transport}`).waitFor();
        server.process.signal("SIGTERM");
        expect(await server.process.end()).toBe(0);
        await page.locator("#state[data-state=lost]").waitFor();
        await row(page, "The server ends: SIGTERM").waitFor();
        server = await start();
        await live(page);
        await row(page, "The server was restarted").waitFor();
        writeFileSync(dir.at(`after-${transport}`), "");
        await row(page, `after-${transport}`).waitFor();
        await page.locator("#clear").click();
      }
      // But for what the browser says of an answer that is 401.
      expect(wrong.filter((text) => !/401|Authentication failed/.test(text))).toEqual([]);
    } finally {
      await server[Symbol.asyncDispose]();
    }
  },
  PATIENCE,
);
