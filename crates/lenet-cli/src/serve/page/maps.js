// What the layers found: each layer's maps as small pictures, brighter where it found more.

/** What convolutions find, one after the other, in plain words; the last goes for the rest. */
const FINDS = ["edges and strokes", "corners and arcs", "larger shapes"];

/**
 * A caption for each layer: what it is called, its size, and what it does.
 * @param {import("./predict.js").Layer[]} layers
 */
function captions(layers) {
  let convolutions = 0;
  return layers.map(({ title, shape: [count, height, width] }) => {
    const pools = title.startsWith("S");
    const words = pools ? "the same, coarser" : FINDS[Math.min(convolutions, FINDS.length - 1)];
    convolutions += pools ? 0 : 1;
    return { title, size: `${count} maps of ${height}×${width}`, words };
  });
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
      const each = values.length / count;
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
    const titles = captions(layers);
    this.#parent.replaceChildren(...layers.map((layer, at) => this.#figure(layer, titles[at])));
  }

  #figure({ shape: [count, height, width] }, { title, size, words }) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const name = document.createElement("strong");
    name.textContent = title;
    const plain = document.createElement("span");
    plain.textContent = words;
    caption.append(name, ` ${size} `, plain);
    const row = document.createElement("div");
    const few = count <= 6;
    row.className = few ? "maps few" : "maps";
    figure.className = few ? "" : "wide";
    row.setAttribute("aria-hidden", "true");
    const canvases = Array.from({ length: count }, (_, at) => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [width, height];
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
