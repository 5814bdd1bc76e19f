// Follows a run: asks for its numbers as soon as there are newer ones, and shows them.

/** How long it is until a server that does not answer is asked again. */
const AGAIN = 2000;

/** @returns {any} */
const part = (id) => document.getElementById(id);
const percent = (share) => (share === null ? "–" : `${(100 * share).toFixed(2)} %`);
const number = (value, digits) => (value === null ? "–" : value.toFixed(digits));

/** The epochs that the charts and the table show. */
let shown = 0;

function say(text, isGone = false) {
  const state = part("state");
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle("gone", isGone);
}

function stateOf(run) {
  if (run.state === "ended") return `Ended: ${percent(run.test_accuracy)} of the test images are read right`;
  if (run.state === "stopped") return "Stopped: the terminal says why, and how to go on";
  return run.now ? `Epoch ${run.now.epoch} of ${run.epochs}` : "About to begin";
}

function showFacts(run) {
  const { now } = run;
  const facts = now
    ? [
        ["step", `${now.step} of ${run.steps}`],
        ["loss of this epoch", number(now.loss, 4)],
        ["accuracy of this epoch", percent(now.accuracy)],
        ["samples a second", Math.round(now.samples_per_second).toLocaleString("en")],
        ["epoch kept so far", run.chosen ?? "–"],
      ]
    : [];
  part("facts").replaceChildren(
    ...facts.map(([name, value]) => {
      const fact = document.createElement("div");
      const [dt, dd] = ["dt", "dd"].map((tag) => document.createElement(tag));
      dt.textContent = name;
      dd.textContent = String(value);
      fact.append(dt, dd);
      return fact;
    }),
  );
  part("progress").value = now && run.steps ? now.step / run.steps : 0;
}

function row(epoch, chosen) {
  const tr = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = epoch.epoch === chosen ? `${epoch.epoch} (kept)` : String(epoch.epoch);
  const cells = [
    number(epoch.train_loss, 4),
    percent(epoch.train_accuracy),
    number(epoch.val_loss, 4),
    percent(epoch.val_accuracy),
    epoch.lr.toPrecision(3),
    number(epoch.train_seconds, 1),
  ];
  tr.append(
    name,
    ...cells.map((text) => {
      const td = document.createElement("td");
      td.textContent = text;
      return td;
    }),
  );
  return tr;
}

function show(run) {
  document.title = `lenet: ${run.title}`;
  part("title").textContent = run.title;
  part("folder").textContent = run.run_dir;
  say(stateOf(run));
  showFacts(run);
  if (!run.charts) return;
  shown = run.metrics.length;
  part("epochs").replaceChildren(...run.metrics.map((epoch) => row(epoch, run.chosen)).reverse());
  if (shown === 0) return;
  // The curves are drawn by the program, as in its report.
  for (const [name, svg] of Object.entries(run.charts)) part(name).innerHTML = svg;
}

/** Until the run is over. */
async function follow() {
  let after = 0;
  for (;;) {
    try {
      const answer = await fetch(`api/run?after=${after}&epochs=${shown}`);
      if (!answer.ok) throw new Error(String(answer.status));
      const run = await answer.json();
      after = run.version;
      show(run);
      if (run.state !== "running") return;
    } catch {
      say("No answer: the run is over, or its program has gone", true);
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
      after = 0;
    }
  }
}

follow();
