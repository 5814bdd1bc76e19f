// Wires the page: the pad's changes to requests, answers to bars and maps, keys to buttons.

import { showModels } from "./about.js";
import { Bars, percent } from "./bars.js";
import { Pad } from "./draw.js";
import { drawByKeyboard } from "./keyboard.js";
import { Maps, paintSeen } from "./maps.js";
import { Predictor, models } from "./predict.js";
import { takePictures } from "./upload.js";

/** @returns {any} */
const part = (id) => document.getElementById(id);

const pad = new Pad(part("ink"));
const predictor = new Predictor(() => pad.snapshot());
const bars = new Bars(part("bars"));
const maps = new Maps(part("layers"), part("maps-hint"));

// What is said when the pen is up and no newer answer is to come; while a stroke begins,
// a dot that is no digit yet is no trouble.
let verdict = "";
let trouble = "";
function say() {
  if (pad.stroke || predictor.busy) return;
  part("spoken").textContent = verdict;
  showTrouble(trouble);
}

function showAnswer(answer) {
  const { digit, probabilities, seen, layers = [] } = answer;
  const sure = percent(probabilities[digit]);
  part("digit").textContent = String(digit);
  part("sure").textContent = `${sure} sure`;
  verdict = `${digit}, ${sure} sure`;
  bars.show(probabilities, digit);
  paintSeen(part("seen"), seen);
  part("seen").setAttribute("aria-label", `The digit as the network sees it: 28 by 28 pixels, read as ${digit}`);
  maps.show(layers);
  trouble = "";
}

function showNothing(what) {
  part("digit").textContent = "";
  part("sure").textContent = what;
  verdict = what;
  trouble = "";
  bars.clear();
  maps.clear();
  paintSeen(part("seen"), null);
  part("seen").setAttribute("aria-label", "The digit as the network sees it: 28 by 28 pixels, nothing yet");
}

/** One line below the pad, none when it is empty. */
function showTrouble(message) {
  const box = part("trouble");
  if (box.textContent === message) return;
  box.replaceChildren();
  if (!message) return;
  const line = document.createElement("p");
  line.textContent = message;
  box.append(line);
}

predictor.addEventListener("answer", ({ detail }) => {
  showAnswer(detail);
  say();
});
predictor.addEventListener("blank", () => {
  showNothing("Waiting for a digit");
  say();
});
predictor.addEventListener("trouble", ({ detail }) => {
  // The last answer is not about what is on the pad now.
  showNothing(detail.status === 422 ? "No digit yet" : "No answer");
  trouble = detail.message;
  say();
});

pad.addEventListener("change", () => {
  // What follows within a stroke need not hurry the answer before it.
  if (pad.stroke) predictor.ask();
  else predictor.askAnew();
  const { drawing } = pad;
  part("undo").disabled = !drawing.canUndo;
  part("clear").disabled = drawing.isEmpty;
  part("invitation").hidden = !drawing.isEmpty;
});
pad.addEventListener("settle", () => {
  predictor.settle();
  say();
});

part("undo").addEventListener("click", () => pad.undo());
part("clear").addEventListener("click", () => pad.clear());
document.addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLSelectElement) return;
  const undo = event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey;
  if (undo) pad.undo();
  else if (event.key === "Delete" || event.key === "Backspace") pad.clear();
  else return;
  event.preventDefault();
});
drawByKeyboard(pad, part("ink"), part("cursor"), part("position"));
takePictures(
  { button: part("upload"), input: part("file"), target: part("pad") },
  (image, blob) => pad.place(image, blob),
  showTrouble,
);

models().then(
  (info) =>
    showModels(info, (name) => {
      predictor.model = name;
      predictor.askAnew();
    }),
  (cause) => showTrouble(cause.message),
);
