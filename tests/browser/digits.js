// Digits to draw and to upload: strokes of a hand, and pictures of the sample's digits.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync, gunzipSync } from "node:zlib";

import { SAMPLE } from "./program.js";

/** Points on an ellipse, angles in degrees, clockwise from the right. */
function arc(x, y, width, height, from, to) {
  return Array.from({ length: 25 }, (_, at) => {
    const angle = ((from + ((to - from) * at) / 24) * Math.PI) / 180;
    return [x + width * Math.cos(angle), y + height * Math.sin(angle)];
  });
}

/** Points on a line. */
function line(x0, y0, x1, y1) {
  return Array.from({ length: 13 }, (_, at) => [x0 + ((x1 - x0) * at) / 12, y0 + ((y1 - y0) * at) / 12]);
}

/** Strokes by digit: points as shares of the pad's side. */
export const STROKES = {
  0: [arc(0.5, 0.5, 0.2, 0.32, -100, 265)],
  1: [line(0.52, 0.18, 0.5, 0.82)],
  3: [arc(0.48, 0.34, 0.18, 0.16, -150, 85), arc(0.48, 0.66, 0.2, 0.17, -85, 150)],
  7: [line(0.3, 0.2, 0.7, 0.2), line(0.7, 0.2, 0.44, 0.82)],
};

/** A part of a PNG file: its length, its name, its bytes, their sum. */
function chunk(name, bytes) {
  const body = Buffer.concat([Buffer.from(name), bytes]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(bytes.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A grey picture, a byte a pixel, as a PNG file. */
function png(side, pixel) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head[8] = 8;
  const rows = Array.from({ length: side }, (_, y) => {
    // A row begins with its filter: none.
    return [0, ...Array.from({ length: side }, (_, x) => pixel(x, y))];
  });
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = deflateSync(Buffer.from(rows.flat()));
  return Buffer.concat([
    signature,
    chunk("IHDR", head),
    chunk("IDAT", data),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** The sample's first test image of a digit, eight times as large, dark on white paper. */
export function picture(digit) {
  const read = (name) => gunzipSync(readFileSync(join(SAMPLE, name)));
  const labels = read("t10k-labels-idx1-ubyte.gz").subarray(8);
  const images = read("t10k-images-idx3-ubyte.gz").subarray(16);
  const from = labels.indexOf(digit) * 784;
  return png(280, (x, y) => {
    const [column, row] = [Math.floor((x - 28) / 8), Math.floor((y - 28) / 8)];
    const inside = [column, row].every((at) => at >= 0 && at < 28);
    return inside ? 255 - images[from + row * 28 + column] : 255;
  });
}
