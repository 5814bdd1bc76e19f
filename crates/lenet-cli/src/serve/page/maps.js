// What the layers found: each layer's maps as small pictures, brighter where it found more.

/** Cells in a row where a layer's outputs are single numbers. */
const CELLS = 30;

/** What a layer does, in plain words, by the beginning of its name. */
const WORDS = [
  [/^conv1/, "edges and strokes"],
  [/^conv2/, "corners and arcs"],
  [/^conv/, "larger shapes"],
  [/^(max|avg)?_?pool/, "the same, coarser"],
  [/^fc|^linear/, "what the shapes add up to"],
];

/** @param {import("./predict.js").Layer} layer */
export function titleOf({ name, title, shape: [count, height = 1, width = 1] }) {
  const single = height * width === 1;
  const size = single ? `${count} numbers` : `${count} maps of ${height}×${width}`;
  const words = WORDS.find(([pattern]) => pattern.test(name))?.[1];
  return { title: title || name, size, words: words ?? "" };
}

/** @param {string} text base64 @returns {Uint8Array} */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

/** The page's accent colour as red, green, blue. */
function accent() {
  const style = getComputedStyle(document.documentElement);
  const hex = style.getPropertyValue("--glow").trim().slice(1);
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** The digit at 28×28 as the network gets it, white on black; nothing without one. */
export function paintSeen(canvas, seen) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, 28, 28);
  if (!seen) return;
  const image = context.createImageData(28, 28);
  seen.forEach((value, at) => image.data.set([value, value, value, 255], 4 * at));
  context.putImageData(image, 0, 0);
}

/** Paints values 0..255 in the accent colour, more of it for more. */
function paint(canvas, values, [red, green, blue]) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, at) => image.data.set([red, green, blue, value], 4 * at));
  context.putImageData(image, 0, 0);
}

export class Maps {
  #parent;
  #hint;
  /** What the figures are built for. */
  #built = "";
  /** @type {HTMLCanvasElement[][]} */
  #canvases = [];
  /** @type {import("./predict.js").Layer[]} */
  #layers = [];

  /** @param {HTMLElement} parent @param {HTMLElement} hint shown before the first maps */
  constructor(parent, hint) {
    this.#parent = parent;
    this.#hint = hint;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.show(this.#layers));
  }

  /** @param {import("./predict.js").Layer[]} layers */
  show(layers) {
    this.#layers = layers;
    this.#build(layers);
    const colour = accent();
    layers.forEach(({ shape: [count], maps }, at) => {
      const values = bytesOf(maps);
      const canvases = this.#canvases[at];
      const each = canvases.length === 1 ? values.length : values.length / count;
      canvases.forEach((canvas, map) => {
        paint(canvas, values.subarray(map * each, (map + 1) * each), colour);
      });
    });
    this.#parent.classList.toggle("lit", layers.length > 0);
  }

  /** Dark again; the frames stay. */
  clear() {
    this.#layers = [];
    this.#parent.classList.remove("lit");
    for (const canvas of this.#canvases.flat()) {
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    }
  }

  /** A figure a layer, where they are not those that are there. */
  #build(layers) {
    const wanted = layers.map(({ name, shape }) => `${name} ${shape}`).join(";");
    if (layers.length === 0 || wanted === this.#built) return;
    this.#built = wanted;
    this.#hint.hidden = true;
    this.#canvases = [];
    this.#parent.replaceChildren(...layers.map((layer) => this.#figure(layer)));
  }

  #figure(layer) {
    const [count, height = 1, width = 1] = layer.shape;
    const single = height * width === 1;
    const figure = document.createElement("figure");
    const { title, size, words } = titleOf(layer);
    const caption = document.createElement("figcaption");
    const name = document.createElement("strong");
    name.textContent = title;
    caption.append(name, ` ${size}`);
    if (words) {
      const plain = document.createElement("span");
      plain.textContent = words;
      caption.append(" ", plain);
    }
    const row = document.createElement("div");
    const few = count <= 6;
    row.className = single ? "cells" : `maps ${few ? "few" : ""}`;
    figure.className = single || few ? "" : "wide";
    row.setAttribute("aria-hidden", "true");
    const canvases = Array.from({ length: single ? 1 : count }, (_, at) => {
      const canvas = document.createElement("canvas");
      canvas.width = single ? Math.min(count, CELLS) : width;
      canvas.height = single ? Math.ceil(count / CELLS) : height;
      canvas.className = "map";
      // They light up one after the other, layer by layer.
      canvas.style.animationDelay = `${90 * this.#canvases.length + 20 * at}ms`;
      return canvas;
    });
    this.#canvases.push(canvases);
    row.append(...canvases);
    figure.append(caption, row);
    return figure;
  }
}
