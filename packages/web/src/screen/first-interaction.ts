const SIGNS = ["pointermove", "pointerdown", "keydown"] as const;

/** Resolves at the first interaction with the page, so that what is needed only then loads later. */
export function firstInteraction(): Promise<void> {
  return new Promise((resolve) => {
    const used = () => {
      for (const sign of SIGNS) window.removeEventListener(sign, used);
      resolve();
    };
    for (const sign of SIGNS) window.addEventListener(sign, used, { passive: true });
  });
}
