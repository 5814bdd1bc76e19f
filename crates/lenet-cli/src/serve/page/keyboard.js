// Drawing with the keyboard: a pen that goes over the pad in steps of a coarse grid.

import { SIDE } from "./strokes.js";

/** Steps across the pad, and down. */
const STEPS = 14;

/** How each key moves the pen, in steps; those of the corners move aslant. */
const MOVES = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  Home: [-1, -1],
  PageUp: [1, -1],
  End: [-1, 1],
  PageDown: [1, 1],
};

/**
 * @param {import("./draw.js").Pad} pad
 * @param {HTMLCanvasElement} canvas what has the focus while keys draw
 * @param {HTMLElement} cursor where the pen is
 * @param {HTMLElement} position the same in words
 */
export function drawByKeyboard(pad, canvas, cursor, position) {
  let [column, row] = [STEPS / 2, 3];
  let down = false;

  const middle = (step) => ((step + 0.5) / STEPS) * SIDE;
  const show = () => {
    cursor.style.left = `${(100 * (column + 0.5)) / STEPS}%`;
    cursor.style.top = `${(100 * (row + 0.5)) / STEPS}%`;
    cursor.classList.toggle("down", down);
    position.textContent = `Pen ${down ? "down" : "up"}, column ${column + 1}, row ${row + 1}`;
  };
  const lift = () => {
    if (!down) return;
    down = false;
    pad.end();
    show();
  };

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    if (move) {
      const within = (step) => Math.min(Math.max(step, 0), STEPS - 1);
      [column, row] = [within(column + move[0]), within(row + move[1])];
      if (down) pad.extend(middle(column), middle(row));
    } else if (event.key === " " || event.key === "Enter") {
      if (event.repeat) return event.preventDefault();
      if (down) lift();
      else {
        down = true;
        pad.begin(middle(column), middle(row));
      }
    } else if (event.key === "Escape") {
      lift();
    } else {
      return;
    }
    event.preventDefault();
    cursor.hidden = false;
    show();
  });

  // Whatever ends the stroke, the pen is up then.
  pad.addEventListener("settle", () => {
    if (down) {
      down = false;
      show();
    }
  });
  canvas.addEventListener("focus", () => {
    // A pointer needs no second cursor.
    if (!canvas.matches(":focus-visible")) return;
    cursor.hidden = false;
    show();
  });
  canvas.addEventListener("pointerdown", () => {
    lift();
    cursor.hidden = true;
  });
  canvas.addEventListener("blur", () => {
    lift();
    cursor.hidden = true;
  });
}
