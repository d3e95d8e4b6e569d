/**
 * Stands in for Nix where the demo finds none: answers the few commands that an agent gives, for the demo's own flake only.
 * It runs the same builders as Nix would, but it has no language: it knows what the flake of demo/config-repo says.
 */
import { evaluate } from "./evaluate.ts";
import { setProfile, switchGeneration } from "./profile.ts";
import { realise } from "./realise.ts";
import { createStandInStore } from "./store.ts";

const [program = "", ...args] = process.argv.slice(2);
const store = createStandInStore(process.env);

try {
  process.exitCode = await answer();
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function answer(): Promise<number> {
  const after = (...names: string[]) => args[args.findIndex((word) => names.includes(word)) + 1] ?? "";
  const internalJson = args.includes("internal-json");
  if (args.includes("--version")) {
    console.log(`${program} (stand-in of the demo) 2.24.0`);
    return 0;
  }
  if (program === "nix" && args.includes("eval")) {
    const flake = args.find((word) => word.startsWith("git+file://")) ?? "";
    process.stdout.write(await evaluate(flake, store));
    return 0;
  }
  if (program === "nix" && args.includes("path-info")) {
    const path = args.at(-1) ?? "";
    for (const member of args.includes("--recursive") ? store.closure(path) : [path]) {
      console.log(args.includes("--size") ? `${member}\t${store.size(member)}` : member);
    }
    return 0;
  }
  if (program === "nix-store" && (args.includes("--realise") || args.includes("-r"))) {
    const derivation = args.find((word) => word.endsWith(".drv")) ?? "";
    return realise(derivation, { store, root: args.includes("--add-root") ? after("--add-root") : undefined, internalJson });
  }
  if (program === "nix-store" && (args.includes("-qR") || args.includes("--requisites"))) {
    for (const member of store.closure(args.at(-1) ?? "")) console.log(member);
    return 0;
  }
  if (program === "nix-env" && args.includes("--set")) {
    setProfile(after("-p", "--profile"), after("--set"));
    return 0;
  }
  if (program === "nix-env" && args.includes("--switch-generation")) {
    switchGeneration(after("-p", "--profile"), after("--switch-generation"));
    return 0;
  }
  console.error(`error: the demo's stand-in for Nix does not know: ${program} ${args.join(" ")}`);
  return 1;
}
