// A person before the page: opens it, draws, reads; and notes whatever the browser minds.

import assert from "node:assert/strict";

/** How long a person waits for what should be there at once, in milliseconds. */
const PATIENCE = 30_000;

export class Person {
  /** What the console said that is worse than a note, and requests to other hosts. */
  faults = [];
  /** Requests for a prediction that have begun. */
  asked = 0;
  /** The most that were on their way at once. */
  most = 0;
  #inFlight = 0;

  /**
   * @param {import("playwright-core").Browser} browser
   * @param {string} url
   * @param {import("playwright-core").BrowserContextOptions} options
   */
  static async open(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1180, height: 800 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    const person = new Person(page, url);
    await page.goto(url);
    await page.getByText(/parameters/).waitFor();
    return person;
  }

  constructor(page, url) {
    this.page = page;
    this.ink = page.getByRole("application", { name: "Drawing pad" });
    page.on("pageerror", (error) => this.faults.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.faults.push(message.text());
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(url)) this.faults.push(`a request to ${request.url()}`);
      if (!isPrediction(request)) return;
      this.asked += 1;
      this.#inFlight += 1;
      this.most = Math.max(this.most, this.#inFlight);
    });
    for (const end of ["requestfinished", "requestfailed"]) {
      page.on(end, (request) => isPrediction(request) && (this.#inFlight -= 1));
    }
  }

  /** Draws with the mouse, at a hand's pace: a frame a point. */
  async draw(strokes) {
    for (const stroke of strokes) {
      const [first, ...rest] = await this.#onPage(stroke);
      await this.page.mouse.move(...first);
      await this.page.mouse.down();
      for (const point of rest) {
        await this.page.mouse.move(...point);
        await this.#frame();
      }
      await this.page.mouse.up();
    }
  }

  /** Draws with a finger. */
  async touch(strokes) {
    const session = await this.page.context().newCDPSession(this.page);
    const send = (type, points) =>
      session.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: points.map(([x, y]) => ({ x, y })),
      });
    for (const stroke of strokes) {
      const [first, ...rest] = await this.#onPage(stroke);
      await send("touchStart", [first]);
      for (const point of rest) await send("touchMove", [point]);
      await send("touchEnd", []);
    }
  }

  /** Draws one stroke with a pen, or with its other end; `pressure` from 0 to 1. */
  async pen(stroke, { pressure, erases = false }) {
    const points = await this.#onPage(stroke);
    // The browser's driver has no pen; the events of one are these.
    await this.ink.evaluate(
      (canvas, { points, pressure, erases }) => {
        const button = erases ? 5 : 0;
        const buttons = erases ? 32 : 1;
        points.forEach(([clientX, clientY], at) => {
          const where = { clientX, clientY, pressure, pointerId: 1, isPrimary: true, pointerType: "pen" };
          const [kind, which] = at === 0 ? ["pointerdown", button] : ["pointermove", -1];
          canvas.dispatchEvent(new PointerEvent(kind, { ...where, button: which, buttons, bubbles: true }));
        });
        canvas.dispatchEvent(new PointerEvent("pointerup", { pointerId: 1, isPrimary: true, bubbles: true }));
      },
      { points, pressure, erases },
    );
  }

  /** Presses keys, one after the other: `["ArrowDown", 4]` four times. */
  async press(...keys) {
    for (const [key, times = 1] of keys) {
      for (let time = 0; time < times; time += 1) await this.page.keyboard.press(key);
    }
  }

  async click(name) {
    await this.page.getByRole("button", { name }).click();
  }

  /** Waits until the page says this aloud. */
  async hears(pattern) {
    const status = this.page.getByRole("status");
    try {
      await status.filter({ hasText: pattern }).waitFor({ state: "attached" });
    } catch {
      assert.fail(`expected ${pattern}, the page says \`${await status.textContent()}\``);
    }
  }

  /** Waits until this is read in the line for troubles. */
  async reads(pattern) {
    await this.page.getByRole("alert").getByText(pattern).waitFor();
  }

  /** How many pixels of the pad have ink. */
  async inked() {
    await this.#frame();
    return this.ink.evaluate((canvas) => {
      // A copy, since the browser minds that the pad itself is read again and again.
      const copy = new OffscreenCanvas(canvas.width, canvas.height);
      const context = copy.getContext("2d", { willReadFrequently: true });
      context.drawImage(canvas, 0, 0);
      const { data } = context.getImageData(0, 0, copy.width, copy.height);
      return data.filter((value, at) => at % 4 === 3 && value > 0).length;
    });
  }

  /** Leaves, with nothing that the browser minded but what is `expected`. */
  async leave(expected = /^$/) {
    await this.page.context().close();
    const faults = this.faults.filter((fault) => !expected.test(fault));
    assert.deepEqual(faults, []);
  }

  async #frame() {
    await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
  }

  async #onPage(points) {
    await this.ink.scrollIntoViewIfNeeded();
    const box = await this.ink.boundingBox();
    return points.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height]);
  }
}

function isPrediction(request) {
  return new URL(request.url()).pathname === "/api/predict";
}
