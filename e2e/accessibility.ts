import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type axe from "axe-core";
import type { Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** All rules. */
export const EVERYTHING = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** What a theme can change. */
export const COLOURS = ["color-contrast"];

/** What axe finds on a page that was prepared for it, by its rules or tags. */
export async function axeFaults(page: Page, runOnly: string[]): Promise<string[]> {
  const { violations } = await page.evaluate(
    // What passes is of no interest, and only rules on moving and sounding things look into style sheets.
    (only) =>
      (globalThis as unknown as { axe: typeof axe }).axe.run({ runOnly: only, resultTypes: ["violations"], preload: false }),
    runOnly,
  );
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
}

/** Makes axe known to a page through the debugger, since the page's own policy would let no such script in. */
export async function prepareForAxe(page: Page): Promise<void> {
  await page.evaluate(AXE);
  await page.evaluate(() => {
    // No colour may be on its way to another when it is measured.
    const still = new CSSStyleSheet();
    still.replaceSync("*, ::before, ::after { transition: none !important }");
    document.adoptedStyleSheets.push(still);
  });
}

/** What of a page is too small to touch: controls below 44 px, with their sizes. */
export const smallControls = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("button, a[href], input, select, [role=button], [role=tab], [role=menuitem]")]
      .map((element) => ({ element, box: (element.closest("label") ?? element).getBoundingClientRect() }))
      .filter(({ element, box }) => box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== "hidden")
      // A link within a sentence has the size of its text (WCAG 2.5.8, inline); a line number is no control of its own.
      .filter(
        ({ element }) => !(element.tagName === "A" && getComputedStyle(element).display === "inline") && element.tabIndex >= 0,
      )
      .filter(({ box }) => box.height < 43.5 || box.width < 43.5)
      .map(
        ({ element, box }) =>
          `${element.tagName} ${element.getAttribute("aria-label") ?? element.textContent?.trim()} ${Math.round(box.width)}×${Math.round(box.height)}`,
      ),
  );
