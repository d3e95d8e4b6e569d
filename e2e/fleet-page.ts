import type { Page } from "playwright-core";

/** A host's row of the table. */
export function rowOf(page: Page, host: string) {
  return page.locator("tbody tr", { has: page.getByRole("link", { name: host, exact: true }) });
}

/** Waits until a host's row says this word below this head of the table. */
export async function inRow(page: Page, host: string, head: string, word: string): Promise<void> {
  await page.waitForFunction(
    ([wantedHost, wantedHead, wantedWord]) => {
      const heads = [...document.querySelectorAll("thead th")].map((cell) => cell.textContent?.trim());
      const row = [...document.querySelectorAll("tbody tr")].find(
        (line) => line.querySelector("a")?.textContent?.trim() === wantedHost,
      );
      // A run takes the place of System and Tests: then there is no cell below the last heads to be mistaken for another.
      const cell = row?.querySelectorAll("td, th")[heads.indexOf(wantedHead)];
      return cell?.textContent?.trim() === wantedWord;
    },
    [host, head, word] as const,
  );
}
