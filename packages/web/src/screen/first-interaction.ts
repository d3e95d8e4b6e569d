const SIGNS = ["pointermove", "pointerdown", "keydown"] as const;

/** Resolves when somebody begins to use the page: what only then can be needed is not loaded before. */
export function firstInteraction(): Promise<void> {
  return new Promise((resolve) => {
    const used = () => {
      for (const sign of SIGNS) window.removeEventListener(sign, used);
      resolve();
    };
    for (const sign of SIGNS) window.addEventListener(sign, used, { passive: true });
  });
}
