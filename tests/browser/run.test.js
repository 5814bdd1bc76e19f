// The page of `lenet train --dashboard`, from the first step of a run to its end.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { barriers } from "./barriers.js";
import { FLAGS, findChromium } from "./chromium.js";
import { watched } from "./program.js";

let browser;
let folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "lenet-run-"));
  browser = await chromium.launch({ executablePath: findChromium(), args: FLAGS });
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(url, options) {
  const page = await (await browser.newContext(options)).newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(message.text());
  });
  await page.goto(url);
  return { page, faults };
}

/** A picture of the page, where someone wants to look at it. */
async function show(page, name) {
  if (!process.env.SCREENSHOTS) return;
  await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true });
}

for (const [name, options] of Object.entries({
  "run-light": { viewport: { width: 1180, height: 900 } },
  "run-dark-phone": { viewport: { width: 390, height: 844 }, isMobile: true, colorScheme: "dark" },
})) {
  test(`a run is followed to its end, ${name}`, async () => {
    const settings = ["--epochs", "4", "--val-split", "0.2", "--scheduler", "cosine"];
    const { url, run, ended, summary } = await watched(join(folder, name), settings);
    const { page, faults } = await open(url, options);
    await page.getByText(/^lenet5 on /).waitFor();
    // What the run says from here on is not read, but it may say it.
    run.stderr.resume();
    const status = page.getByRole("status");
    await status.filter({ hasText: /^Ended: [\d.]+ % of the test images are read right$/ }).waitFor();
    await ended;
    const { test_accuracy, best_epoch } = summary();
    assert.ok((await status.textContent()).includes(`${(100 * test_accuracy).toFixed(2)} %`));
    assert.equal(await page.locator("svg.chart").count(), 3);
    const rows = await page.locator("#epochs th").allTextContents();
    assert.equal(rows.length, 4);
    assert.ok(rows.includes(`${best_epoch} (kept)`), rows.join());
    assert.equal(await page.getByRole("progressbar").evaluate((bar) => bar.value), 1);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${wide} pixels to scroll aside`);
    assert.deepEqual(await barriers(page), []);
    await show(page, name);
    assert.deepEqual(faults, []);
  });
}

test("a run that is stopped says so", async () => {
  const settings = ["--epochs", "100", "--batch-size", "4", "--log-interval", "1"];
  const { url, run, ended } = await watched(join(folder, "stopped"), settings);
  const { page, faults } = await open(url);
  await page.getByText(/^Epoch 1 of 100$/).waitFor();
  run.kill("SIGTERM");
  run.stderr.resume();
  const status = page.getByRole("status");
  await status.filter({ hasText: /^Stopped: the terminal says why/ }).waitFor();
  assert.equal((await ended)[0], 143);
  assert.deepEqual(faults, []);
});
