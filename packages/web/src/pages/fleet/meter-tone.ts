/** From this share on a memory or a disk is drawn as full. */
const FULL = 0.8;

/** How a meter of something that can fill up is drawn. */
export function meterTone(share: number | null | undefined): "neutral" | "attention" {
  return share !== null && share !== undefined && share >= FULL ? "attention" : "neutral";
}
