// The answer: a digit, how sure the network is, and a bar for each of the ten.

/** `0.998` as `99.8 %`; never 100 % for what is not certain, nor 0 % for what may be. */
export function percent(share) {
  const value = 100 * share;
  if (value > 99.9 && value < 100) return "99.9 %";
  if (value > 0 && value < 0.1) return "< 0.1 %";
  return `${value.toFixed(1)} %`;
}

export class Bars {
  #rows;

  /** @param {HTMLTableElement} table */
  constructor(table) {
    this.#rows = Array.from({ length: 10 }, (_, digit) => {
      const row = table.tBodies[0].insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = String(digit);
      row.append(head);
      const rail = document.createElement("span");
      const fill = document.createElement("span");
      rail.className = "rail";
      fill.className = "fill";
      rail.append(fill);
      row.insertCell().append(rail);
      const value = row.insertCell();
      value.className = "value";
      return { row, fill, value };
    });
    this.clear();
  }

  /** @param {number[]} probabilities of the digits from 0 on @param {number} best */
  show(probabilities, best) {
    this.#rows.forEach(({ row, fill, value }, digit) => {
      row.classList.toggle("best", digit === best);
      fill.style.transform = `scaleX(${probabilities[digit]})`;
      value.textContent = percent(probabilities[digit]);
    });
  }

  clear() {
    for (const { row, fill, value } of this.#rows) {
      row.classList.remove("best");
      fill.style.transform = "scaleX(0)";
      value.textContent = "–";
    }
  }
}
