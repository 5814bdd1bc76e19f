// The pad: a canvas that mouse, finger and pen draw on. The keyboard's way is in keyboard.js.

import { Drawing, SIDE, render } from "./strokes.js";

/** A line's width in the pad's units: what a digit of MNIST has, of its size. */
const WIDTH = 22;

/** The side of the picture that is sent, in pixels. */
const SENT_SIDE = 280;

/** The bit of `PointerEvent.buttons` for a pen's eraser. */
const ERASER = 32;

/** @returns {CanvasRenderingContext2D} */
function contextOf(canvas, settings = {}) {
  return canvas.getContext("2d", settings);
}

export class Pad extends EventTarget {
  drawing = new Drawing();
  /** @type {import("./strokes.js").Stroke | null} the stroke that is being drawn */
  stroke = null;
  #canvas;
  #context;
  /** The sheet that is sent. */
  #sheet;
  #frame = 0;
  /** @type {number | null} the pointer that draws */
  #pointer = null;

  /**
   * It dispatches `change` when there is something else to be seen, and `settle` when
   * that is all for now: the pen is up.
   * @param {HTMLCanvasElement} canvas
   */
  constructor(canvas) {
    super();
    this.#canvas = canvas;
    this.#context = contextOf(canvas);
    this.#sheet = contextOf(document.createElement("canvas"), { willReadFrequently: true });
    this.#sheet.canvas.width = SENT_SIDE;
    this.#sheet.canvas.height = SENT_SIDE;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.#up(event));
    }
  }

  /** Puts the pen down. */
  begin(x, y, { width = WIDTH, erases = false } = {}) {
    this.stroke = this.drawing.begin({ x, y, width }, erases);
    this.#changed();
  }

  /** Draws on to a further point. */
  extend(x, y, width = WIDTH) {
    this.stroke?.points.push({ x, y, width });
    this.#changed();
  }

  /** Lifts the pen. */
  end() {
    if (!this.stroke) return;
    this.stroke = null;
    this.dispatchEvent(new Event("settle"));
  }

  clear() {
    this.#step(() => this.drawing.clear());
  }

  undo() {
    this.#step(() => this.drawing.undo());
  }

  /** @param {ImageBitmap} image @param {Blob} blob */
  place(image, blob) {
    this.#step(() => this.drawing.place(image, blob));
  }

  /**
   * What is to be seen as a picture for the network, black on white whatever the page's
   * colours; nothing for a blank pad.
   * @returns {Promise<Blob | null>}
   */
  async snapshot() {
    if (this.drawing.picture) return this.drawing.picture.blob;
    if (this.drawing.isEmpty) return null;
    const context = this.#sheet;
    context.setTransform(SENT_SIDE / SIDE, 0, 0, SENT_SIDE / SIDE, 0, 0);
    render(context, this.drawing, "#000");
    // An eraser may have taken all of it.
    const { data } = context.getImageData(0, 0, SENT_SIDE, SENT_SIDE);
    if (!data.some((value, at) => at % 4 === 3 && value > 0)) return null;
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    // At once: a canvas's toBlob waits for an idle moment, up to a second.
    const [, base64] = context.canvas.toDataURL("image/png").split(",");
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    return new Blob([bytes], { type: "image/png" });
  }

  #step(change) {
    this.stroke = null;
    change();
    this.#changed();
    this.dispatchEvent(new Event("settle"));
  }

  #changed() {
    // A frame draws all that came since the last one.
    this.#frame ||= requestAnimationFrame(() => this.#draw());
    this.dispatchEvent(new Event("change"));
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    render(this.#context, this.drawing, getComputedStyle(this.#canvas).color);
  }

  #resize() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    this.#canvas.width = side;
    this.#canvas.height = side;
    this.#context.scale(side / SIDE, side / SIDE);
    this.#draw();
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (!event.isPrimary || ![0, 5].includes(event.button)) return;
    // What the keyboard began.
    this.end();
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    const { x, y, width } = this.#point(event);
    this.begin(x, y, { width, erases: (event.buttons & ERASER) !== 0 });
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (!this.stroke || event.pointerId !== this.#pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      const { x, y, width } = this.#point(each);
      this.extend(x, y, width);
    }
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.end();
  }

  /** @param {PointerEvent} event */
  #point(event) {
    const box = this.#canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * SIDE;
    const y = ((event.clientY - box.top) / box.height) * SIDE;
    // Only a pen knows how hard it is pressed.
    const press = event.pointerType === "pen" && event.pressure > 0 ? 0.5 + event.pressure : 1;
    return { x, y, width: WIDTH * press };
  }
}
