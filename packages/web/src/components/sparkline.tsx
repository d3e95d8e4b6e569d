import { useMemo } from "react";
import { type Samples, sparklinePath } from "./sparkline-path.ts";

const WIDTH = 220;
const HEIGHT = 44;

/** A day of a number, as a line over a faint ground. The numbers are written beside it. */
export function Sparkline({ samples, min = 0, max }: { samples: Samples; min?: number; max?: number | undefined }) {
  const { line, area } = useMemo(() => {
    const greatest = max ?? Math.max(min, ...samples.filter((value) => value !== undefined));
    return sparklinePath(samples, { width: WIDTH, height: HEIGHT, min, max: greatest });
  }, [samples, min, max]);
  return (
    <svg
      width="100%"
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      className="block"
    >
      <path d={area} className="fill-unknown-fill opacity-10" />
      <path
        d={line}
        fill="none"
        className="stroke-unknown-fill"
        strokeWidth={1.5}
        vectorEffect="non-scaling-stroke"
        strokeLinejoin="round"
      />
    </svg>
  );
}
