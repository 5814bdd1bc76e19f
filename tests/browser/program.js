// The real program: `lenet serve` on a free port, and other weights for it.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The program to test: the variable LENET, else what a release build leaves. */
const PROGRAM = process.env.LENET ?? join(ROOT, "target", "release", "lenet");

/** The sample's folder, four IDX files. */
export const SAMPLE = join(ROOT, "crates", "lenet-data", "sample");

/**
 * Starts the server and waits until it says its address.
 * @param {string[]} args further ones for `lenet serve`
 * @param {string} port
 */
export async function serve(args = [], port = "0") {
  const server = spawn(PROGRAM, ["serve", "--quiet", "--port", port, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(server, "close");
  const lines = createInterface(server.stdout);
  const [line] = await Promise.race([
    once(lines, "line"),
    ended.then(([code]) => assert.fail(`lenet serve ended with ${code} before it said its address`)),
  ]);
  const [url] = line.match(/http:\/\/127\.0\.0\.1:\d+/) ?? assert.fail(`no address in \`${line}\``);
  return {
    url: `${url}/`,
    port: new URL(url).port,
    /** As a user does: SIGTERM, and it ends. */
    async stop() {
      server.kill("SIGTERM");
      await ended;
    },
  };
}

/**
 * Starts a run that is watched, and waits until it says where.
 * @param {string} folder where the run goes
 * @param {string[]} args further ones for `lenet train`
 */
export async function watched(folder, args = []) {
  const told = ["train", "--data-dir", SAMPLE, "--out-dir", folder, "--json", "--dashboard", "0"];
  const run = spawn(PROGRAM, [...told, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(run, "close");
  let summary = "";
  run.stdout.on("data", (part) => (summary += part));
  for await (const line of createInterface(run.stderr)) {
    const [url] = line.match(/http:\/\/127\.0\.0\.1:\d+/) ?? [];
    // Nobody reads on: a run that says something at each step waits here.
    if (url) return { url: `${url}/`, run, ended, summary: () => JSON.parse(summary) };
  }
  return assert.fail(`lenet train ended with ${await ended} before it said where to watch it`);
}

/**
 * Weights of a network that has seen a few of the sample's digits.
 * @param {string} folder
 * @param {string} model
 * @returns {string} the file, named for the model
 */
export function train(folder, model) {
  const run = join(folder, `run-${model}`);
  const settings = ["--model", model, "--data-dir", SAMPLE, "--max-steps", "60", "--seed", "1"];
  execFileSync(PROGRAM, ["train", ...settings, "--out-dir", run, "--quiet"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const weights = join(folder, `${model}.safetensors`);
  copyFileSync(join(run, "model.safetensors"), weights);
  return weights;
}
