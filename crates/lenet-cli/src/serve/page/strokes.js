// What has been drawn: strokes and pictures in order, so that each can be taken back.

/** The pad's side in its own units; a point's `x` and `y` lie within it. */
export const SIDE = 280;

/**
 * @typedef {{x: number, y: number, width: number}} Point
 * @typedef {{kind: "stroke", points: Point[], erases: boolean}} Stroke
 * @typedef {{kind: "picture", image: ImageBitmap, blob: Blob}} Picture
 * @typedef {Stroke | Picture | {kind: "blank"}} Item
 */

/** The history of one pad. The last picture or blank hides what came before it. */
export class Drawing {
  /** @type {Item[]} */
  #items = [];

  /** What is to be seen, from below to above. */
  get visible() {
    const from = this.#items.findLastIndex((item) => item.kind !== "stroke");
    return this.#items.slice(Math.max(from, 0)).filter((item) => item.kind !== "blank");
  }

  /** @returns {Picture | undefined} the picture, where that is what is to be seen */
  get picture() {
    const [first] = this.visible;
    return first?.kind === "picture" ? first : undefined;
  }

  get isEmpty() {
    return this.visible.length === 0;
  }

  get canUndo() {
    return this.#items.length > 0;
  }

  /**
   * Begins a stroke; on a picture, on a new sheet.
   * @param {Point} point
   * @param {boolean} erases
   * @returns {Stroke}
   */
  begin(point, erases = false) {
    if (this.picture) this.#items.push({ kind: "blank" });
    const stroke = { kind: /** @type {const} */ ("stroke"), points: [point], erases };
    this.#items.push(stroke);
    return stroke;
  }

  /** @param {ImageBitmap} image @param {Blob} blob its bytes, as they are to be sent */
  place(image, blob) {
    this.#items.push({ kind: "picture", image, blob });
  }

  clear() {
    if (!this.isEmpty) this.#items.push({ kind: "blank" });
  }

  /** Takes the last stroke, picture or clearing back. */
  undo() {
    this.#items.pop();
    // The sheet that a stroke on a picture began went with that stroke.
    const [before, last] = this.#items.slice(-2);
    if (last?.kind === "blank" && before?.kind === "picture") this.#items.pop();
  }
}

/**
 * Draws what is to be seen; the paper stays clear.
 * @param {CanvasRenderingContext2D} context one unit is one of the pad's
 * @param {Drawing} drawing
 * @param {string} ink
 */
export function render(context, drawing, ink) {
  context.globalCompositeOperation = "source-over";
  context.clearRect(0, 0, SIDE, SIDE);
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = ink;
  context.fillStyle = ink;
  for (const item of drawing.visible) {
    if (item.kind === "picture") fit(context, item.image);
    if (item.kind === "stroke") trace(context, item);
  }
  context.globalCompositeOperation = "source-over";
}

/** Whole, in the middle. */
function fit(context, image) {
  const scale = SIDE / Math.max(image.width, image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  context.imageSmoothingEnabled = scale < 3;
  context.drawImage(image, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
}

/** A curve through the middles between points, each bend drawn towards its point. */
function trace(context, { points, erases }) {
  context.globalCompositeOperation = erases ? "destination-out" : "source-over";
  const [first] = points;
  if (points.length === 1) {
    context.beginPath();
    context.arc(first.x, first.y, first.width / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  let from = first;
  points.forEach((point, at) => {
    const next = points[at + 1];
    const to = next ? { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 } : point;
    context.lineWidth = point.width;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.quadraticCurveTo(point.x, point.y, to.x, to.y);
    context.stroke();
    from = to;
  });
}
