/** Commits and pushes a change to the demo's config repository, so that its hosts fall behind. */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { createPlaces } from "./fleet/places.ts";
import { failures, openRepositories, setFailingActivation, setLockOut, updatePackages } from "./fleet/repositories.ts";
import { chooseUpdate } from "./fleet/versions.ts";

const help = `Usage: node demo/commit.ts [--break | --fail-activation | --lock-out] [--root DIR]

Updates some packages of the demo's package set and locks the config repository to them.

  --break            the update holds an nginx that does not compile: the build of web1 fails
  --fail-activation  instead, web1 and the laptop get a configuration that fails when it is activated
  --lock-out         instead, web1 gets a configuration without the key of its administrator
  --root DIR         where the demo was started; .demo in the checkout

The next call without an option fixes what the one before has broken.`;

const { values } = parseArgs({
  options: {
    break: { type: "boolean" },
    "fail-activation": { type: "boolean" },
    "lock-out": { type: "boolean" },
    root: { type: "string" },
    help: { type: "boolean", short: "h" },
  },
});

if (values.help) {
  console.log(help);
} else {
  await commit();
}

async function commit(): Promise<void> {
  const places = createPlaces(values.root);
  if (!existsSync(places.root)) {
    console.error("There is no demo to commit to. Start it with: make demo");
    process.exitCode = 1;
    return;
  }
  const repositories = await openRepositories(places, Math.floor(Date.now() / 1000));
  if (values["fail-activation"]) {
    console.log(`Pushed ${await setFailingActivation(repositories, true)}: the activation of web1 and the laptop will fail.`);
    return;
  }
  if (values["lock-out"]) {
    console.log(`Pushed ${await setLockOut(repositories, true)}: a switch of web1 would lock ada out.`);
    return;
  }
  const { unit, file, locksOut } = failures(repositories);
  if (locksOut) await setLockOut(repositories, false);
  if (unit !== "" || file !== "") await setFailingActivation(repositories, false);
  const updates = Number(await repositories.nixpkgs.git("rev-list", "--count", "HEAD")) - 2;
  const names = chooseUpdate(updates);
  if (values.break && !names.includes("nginx")) names.push("nginx");
  const { commit: id, changes } = await updatePackages(repositories, names, values.break ? "nginx" : undefined);
  console.log(
    `Pushed ${id}${values.break ? ", in which nginx does not compile" : ""}:\n${changes.map((change) => `  ${change}`).join("\n")}`,
  );
}
