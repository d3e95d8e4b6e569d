import { existsSync } from "node:fs";
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Debian's. The one without a window of its own takes a quarter less of the machine for the same pages. */
const CHROMIUM = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"] as const;
const executablePath = process.env.NIXFLEET_CHROMIUM ?? CHROMIUM.find((path) => existsSync(path)) ?? CHROMIUM[0];

/** Debian's Chromium, kept from looking for a network of its own. */
export async function startBrowser() {
  const browser = await chromium.launch({
    executablePath,
    // Playwright's own handlers close the browser and let the process live on, deaf to the signal. Without them the process ends, and
    // the browser with it, whose pipe to us closes.
    handleSIGTERM: false,
    handleSIGINT: false,
    handleSIGHUP: false,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  return {
    browser,
    /** A browser window of somebody new, at a size and in a theme. */
    async open(options: BrowserContextOptions = {}): Promise<{ context: BrowserContext; page: Page } & AsyncDisposable> {
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
      const page = await context.newPage();
      // Ends a wait for what never comes. It says nothing of how fast a page is: a machine can be ten times slower than this one.
      page.setDefaultTimeout(90_000);
      return { context, page, [Symbol.asyncDispose]: () => context.close() };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

export const PHONE = { viewport: { width: 375, height: 812 }, hasTouch: true, isMobile: true } as const;
export const DESK = { viewport: { width: 1440, height: 900 } } as const;

/** Everything that went wrong on a page: errors of scripts, of the console, and requests to anywhere but its own origin. */
export function watchPage(page: Page, origin: string) {
  const errors: string[] = [];
  const foreignRequests: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    // What Chromium says of the machine, where another program adds or removes an interface.
    if (message.type() === "error" && !message.text().includes("ERR_NETWORK_CHANGED")) errors.push(message.text());
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("data:") && !url.startsWith("blob:")) foreignRequests.push(url);
  });
  return { errors, foreignRequests };
}
