import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { limitLog } from "./limited-log.ts";

test("R56: what another party can make happen without end is sixty lines a minute of each event, and then how many there were", () => {
  const clock = createFakeClock();
  const lines: { event: string; number?: number; notLogged?: number }[] = [];
  const log = limitLog(createLog({ level: "info", clock, write: (line) => lines.push(JSON.parse(line)), secrets: [] }), clock);
  for (let number = 0; number < 12_000; number++) log.warn("run-refused", { number });
  log.info("run-queued");
  expect(lines).toHaveLength(61);
  expect(lines[59]).toMatchObject({ event: "run-refused", number: 59 });
  expect(lines[60]).toMatchObject({ event: "run-queued" });

  clock.advance(60_000);
  log.warn("run-refused", { number: 1 });
  log.warn("run-refused", { number: 2 });
  expect(lines.slice(61)).toMatchObject([{ number: 1, notLogged: 11_940 }, { number: 2 }]);
  expect(lines[62]).not.toHaveProperty("notLogged");
  // A clock that is set back does not silence it.
  clock.jump(-86_400_000);
  log.warn("run-refused", { number: 3 });
  expect(lines.at(-1)).toMatchObject({ number: 3 });
});
