// The page as a person uses it: mouse, finger, keyboard, pictures, and a server that ends.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { chromium } from "playwright-core";

import { barriers } from "./barriers.js";
import { FLAGS, findChromium } from "./chromium.js";
import { STROKES, picture } from "./digits.js";
import { Person } from "./person.js";
import { serve, train } from "./program.js";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

/** What the browser says of an answer that is no 200. */
const REFUSED = /^Failed to load resource/;

let browser;
let server;
let folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "lenet-browser-"));
  server = await serve();
  browser = await chromium.launch({ executablePath: findChromium(), args: FLAGS });
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Where pictures of the page go that a person wants to look at; none without it. */
async function show(person, name) {
  const into = process.env.SCREENSHOTS;
  if (!into) return;
  // The last map has its full light half a second after the first.
  await person.page.evaluate(() => Promise.all(document.getAnimations().map((each) => each.finished)));
  await person.page.screenshot({ path: join(into, `${name}.png`), fullPage: !name.includes("phone") });
}

describe("drawing", () => {
  for (const [digit, strokes] of Object.entries(STROKES)) {
    test(`a ${digit} drawn with the mouse is read as ${digit}`, async () => {
      const person = await Person.open(browser, server.url);
      await person.draw(strokes);
      await person.hears(new RegExp(`^${digit}, [\\d.]+ % sure$`));
      const bar = person.page.getByRole("row").filter({ has: person.page.getByRole("rowheader", { name: digit }) });
      assert.match(await bar.innerText(), /^\d\s+\d+\.\d %$/);
      assert.equal(person.most, 1, "requests on their way at once");
      if (digit === "3") await show(person, "light");
      await person.leave();
    });
  }

  test("every layer lights up, with its name and its size", async () => {
    const person = await Person.open(browser, server.url);
    await person.draw(STROKES[3]);
    await person.hears(/^3, /);
    const figures = await person.page.locator("#layers figure").evaluateAll((all) =>
      all.map((figure) => ({
        caption: figure.querySelector("figcaption").textContent,
        lit: [...figure.querySelectorAll("canvas")].some((canvas) =>
          canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean),
        ),
      })),
    );
    assert.ok(figures.some(({ caption }) => /6 maps of 24×24/.test(caption)), JSON.stringify(figures));
    assert.deepEqual(figures.filter(({ lit }) => !lit), []);
    await person.leave();
  });

  test("a blank pad asks nothing; Clear and Undo take back, and Undo brings back", async () => {
    const person = await Person.open(browser, server.url);
    assert.equal(await person.page.getByRole("button", { name: "Clear" }).isDisabled(), true);
    assert.equal(person.asked, 0);
    await person.draw(STROKES[1]);
    await person.hears(/^1, /);
    const one = await person.inked();
    await person.draw([STROKES[0][0]]);
    assert.ok((await person.inked()) > one);
    await person.click("Undo");
    await person.hears(/^1, /);
    assert.equal(await person.inked(), one);

    const asked = person.asked;
    await person.click("Clear");
    await person.hears(/^Waiting for a digit$/);
    assert.equal(await person.inked(), 0);
    assert.equal(person.asked, asked);
    await person.press(["Control+z"]);
    await person.hears(/^1, /);
    await person.leave();
  });

  test("an answer that comes after Clear is not shown", async () => {
    const person = await Person.open(browser, server.url);
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await person.page.route("**/api/predict*", async (route) => {
      await held;
      // The page may have hung up by now.
      await route.continue().catch(() => {});
    });
    await person.draw(STROKES[3]);
    await person.click("Clear");
    await person.hears(/^Waiting for a digit$/);
    release();
    await person.page.unrouteAll({ behavior: "wait" });
    assert.equal(await person.page.locator("#digit").textContent(), "");
    await person.leave();
  });
});

test("with a finger at a phone's size, nothing wider than the screen", async () => {
  const person = await Person.open(browser, server.url, PHONE);
  await person.touch(STROKES[3]);
  await person.hears(/^3, /);
  const sizes = await person.page.evaluate(() => ({ wide: document.documentElement.scrollWidth, top: scrollY }));
  assert.deepEqual(sizes, { wide: 390, top: 0 });
  await show(person, "phone");
  await person.leave();
});

test("a pen that is pressed harder leaves more ink, and its eraser takes it away", async () => {
  const person = await Person.open(browser, server.url);
  await person.pen(STROKES[1][0], { pressure: 0.2 });
  await person.hears(/^1, /);
  const light = await person.inked();
  await person.click("Clear");
  await person.pen(STROKES[1][0], { pressure: 0.8 });
  await person.hears(/^1, /);
  assert.ok((await person.inked()) > light);
  await person.pen(STROKES[1][0], { pressure: 1, erases: true });
  await person.hears(/^Waiting for a digit$/);
  assert.equal(await person.inked(), 0);
  await person.click("Undo");
  await person.hears(/^1, /);
  await person.leave();
});

test("the keyboard alone draws, undoes and clears", async () => {
  const person = await Person.open(browser, server.url);
  await person.press(["Tab"]);
  assert.equal(await person.ink.evaluate((canvas) => canvas === document.activeElement), true);
  await person.press(["ArrowLeft", 3], ["Space"], ["ArrowRight", 6], ["End", 3], ["ArrowDown", 4], ["Space"]);
  await person.hears(/^7, /);
  await show(person, "keyboard");
  await person.press(["Delete"]);
  await person.hears(/^Waiting for a digit$/);
  await person.press(["Control+z"]);
  await person.hears(/^7, /);
  await person.leave();
});

describe("pictures", () => {
  const file = (digit) => ({ name: "digit.png", mimeType: "image/png", buffer: picture(digit) });

  test("one that is uploaded is shown and read; a stroke begins a new sheet", async () => {
    const person = await Person.open(browser, server.url);
    const chooser = person.page.waitForEvent("filechooser");
    await person.click("Upload a picture");
    await (await chooser).setFiles(file(4));
    await person.hears(/^4, /);
    assert.ok((await person.inked()) > 0);
    await show(person, "upload");
    await person.draw(STROKES[1]);
    await person.hears(/^1, /);
    await person.click("Undo");
    await person.hears(/^4, /);
    await person.leave();
  });

  for (const [how, event, field] of [
    ["dropped", "drop", "dataTransfer"],
    ["pasted", "paste", "clipboardData"],
  ]) {
    test(`one that is ${how} is read`, async () => {
      const person = await Person.open(browser, server.url);
      const bytes = [...picture(2)];
      await person.page.evaluate(
        ({ event, field, bytes }) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "digit.png", { type: "image/png" }));
          const Kind = event === "drop" ? DragEvent : ClipboardEvent;
          document.body.dispatchEvent(new Kind(event, { [field]: data, bubbles: true, cancelable: true }));
        },
        { event, field, bytes },
      );
      await person.hears(/^2, /);
      await person.leave();
    });
  }

  test("a file that is none is told in one line, and the drawing stays", async () => {
    const person = await Person.open(browser, server.url);
    await person.draw(STROKES[1]);
    await person.hears(/^1, /);
    const buffer = Buffer.from("no picture");
    await person.page.locator("#file").setInputFiles({ name: "notes.png", mimeType: "image/png", buffer });
    await person.reads(/^notes\.png is no picture that this browser can read\.$/);
    assert.ok((await person.inked()) > 0);
    await person.leave();
  });
});

test("where there are several models, one is chosen", async () => {
  const weights = ["lenet5", "convnet"].map((model) => train(folder, model));
  const several = await serve(weights.flatMap((path) => ["--weights", path]));
  try {
    const person = await Person.open(browser, several.url);
    await person.draw(STROKES[1]);
    await person.hears(/sure$/);
    const layers = person.page.locator("#layers");
    const before = await layers.textContent();
    const answer = person.page.waitForResponse(/model=convnet/);
    await person.page.getByLabel("Model").selectOption("convnet");
    assert.equal((await (await answer).json()).model, "convnet");
    await person.page.getByText(/^convnet · /).waitFor();
    await person.page.waitForFunction((text) => document.querySelector("#layers").textContent !== text, before);
    await show(person, "several");
    await person.leave();
  } finally {
    await several.stop();
  }
});

describe("troubles", () => {
  test("a server that is gone is told in one line, drawing goes on, and a new server answers", async () => {
    let own = await serve();
    const { port } = own;
    const person = await Person.open(browser, own.url);
    await person.draw(STROKES[1]);
    await person.hears(/^1, /);
    await own.stop();
    const one = await person.inked();
    await person.draw(STROKES[7]);
    await person.reads(/^The server does not answer\. Is lenet serve still running\?/);
    assert.ok((await person.inked()) > one);
    await show(person, "gone");

    own = await serve([], port);
    try {
      await person.click("Clear");
      await person.draw(STROKES[3]);
      await person.hears(/^3, /);
      assert.equal(await person.page.getByRole("alert").textContent(), "");
      await person.leave(REFUSED);
    } finally {
      await own.stop();
    }
  });

  test("what the server refuses is told in its words; a busy one is asked again", async () => {
    const person = await Person.open(browser, server.url);
    const refuse = (status, error) =>
      person.page.route("**/api/predict*", (route) => route.fulfill({ status, json: { error, status } }));
    await refuse(422, "no digit on it");
    await person.draw(STROKES[3]);
    await person.reads(/^no digit on it$/);
    await person.page.unrouteAll({ behavior: "wait" });

    await refuse(503, "too much to do");
    await person.click("Clear");
    await person.draw(STROKES[3]);
    await person.reads(/^too much to do$/);
    await person.page.unrouteAll({ behavior: "wait" });
    await person.hears(/^3, /);
    await person.leave(REFUSED);
  });
});

describe("for everybody", () => {
  for (const colorScheme of ["light", "dark"]) {
    test(`no barrier that axe-core finds, ${colorScheme}, empty and full`, async () => {
      const person = await Person.open(browser, server.url, { colorScheme });
      assert.deepEqual(await barriers(person.page), []);
      await person.draw(STROKES[3]);
      await person.hears(/^3, /);
      assert.deepEqual(await barriers(person.page), []);
      const background = await person.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const [red] = background.match(/\d+/g).map(Number);
      assert.ok(colorScheme === "dark" ? red < 60 : red > 200, background);
      await show(person, `everybody-${colorScheme}`);
      await person.leave();
    });
  }

  test("who wants less motion gets none", async () => {
    const person = await Person.open(browser, server.url, { reducedMotion: "reduce" });
    await person.draw(STROKES[3]);
    await person.hears(/^3, /);
    const moving = await person.page.evaluate(() => document.getAnimations().length);
    assert.equal(moving, 0);
    await person.leave();
  });
});
