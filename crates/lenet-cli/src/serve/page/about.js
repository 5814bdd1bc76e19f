// Which network answers: its size and accuracy, and a choice where there are several.

/**
 * @typedef {{name: string, model: string, parameters: number, dataset?: string | null,
 *   test_accuracy?: number | null}} Model
 */

/** How the data sets write themselves. */
const DATASETS = { mnist: "MNIST", "fashion-mnist": "Fashion-MNIST", sample: "the sample" };

/** One line about a model. @param {Model} model */
export function describe({ model, parameters, dataset, test_accuracy: accuracy }) {
  const parts = [model, `${parameters.toLocaleString("en")} parameters`];
  if (typeof accuracy === "number") {
    const share = `${(100 * accuracy).toFixed(2)} %`;
    const whose = DATASETS[dataset] ? `${DATASETS[dataset]}'s` : "its";
    parts.push(`${share} right on ${whose} test images`);
  }
  return parts.join(" · ");
}

/**
 * Shows the server's models.
 * @param {{models: Model[], default: string, version?: string}} info
 * @param {(name: string) => void} chosen
 */
export function showModels(info, chosen) {
  const [about, choice, select, version] = ["about", "choice", "models", "version"].map(
    (id) => /** @type {any} */ (document.getElementById(id)),
  );
  const tell = (name) => {
    const model = info.models.find((each) => each.name === name);
    about.textContent = model ? describe(model) : "";
  };
  version.textContent = info.version ? `lenet ${info.version}.` : "";
  select.replaceChildren(...info.models.map(({ name }) => new Option(name, name)));
  select.value = info.default;
  tell(info.default);
  choice.hidden = info.models.length < 2;
  select.addEventListener("change", () => {
    tell(select.value);
    chosen(select.value);
  });
}
