// What keeps some people from using a page, as axe-core finds it.

import axe from "axe-core";

/** @param {import("playwright-core").Page} page */
export async function barriers(page) {
  // Evaluated, not added as a script: the page's policy lets no script in but its own.
  await page.evaluate(axe.source);
  await page.evaluate(() => Promise.all(document.getAnimations().map((each) => each.finished)));
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
