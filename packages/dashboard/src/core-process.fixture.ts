import { openCore } from "./core.fixture.ts";

/**
 * A dashboard core as a process of its own, to be killed: `node core-process.fixture.ts <database> <port> [<host> …]`. Adds the hosts
 * that it is given, tells port, ids and tokens as a line of JSON, then obeys lines of standard input: `<host id> <op>` starts a run.
 */
const [path = "", port = "0", ...names] = process.argv.slice(2);
const core = await openCore({ path, port: Number(port) });
const hosts = [];
for (const name of names) hosts.push(await core.addHost(name));
const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
say({ port: core.port, hosts });

process.stdin.setEncoding("utf8");
for await (const chunk of process.stdin) {
  for (const line of String(chunk).split("\n").filter(Boolean)) {
    const [hostId = "", op = ""] = line.split(" ");
    say(await core.ask(hostId as never, op, { whenBlocked: "queue" }));
  }
}
await core.stop();
