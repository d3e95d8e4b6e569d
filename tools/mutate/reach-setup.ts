import { expect } from "vitest";
import { enterTestFile } from "./reach.ts";

const folder = process.env["NIXFLEET_REACHED"];
const { testPath } = expect.getState();
if (folder !== undefined && testPath !== undefined) enterTestFile(folder, testPath);
