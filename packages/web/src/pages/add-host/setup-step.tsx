import type { HostView, ServerInfo, TargetView } from "@nixfleet/protocol";
import { Laptop, Server } from "lucide-react";
import type { ReactNode } from "react";
import { StatusLine } from "../../components/status-line.tsx";
import { hostSetup, isLoopback } from "./host-setup.ts";
import { Commands, NixFile } from "./marked-code.tsx";
import { SetupBlock } from "./setup-block.tsx";
import { TokenRow } from "./token-row.tsx";

/** Second step: the file and the commands, and on which machine. */
export function SetupStep({ view, server, target }: { view: HostView; server: ServerInfo; target: TargetView | undefined }) {
  const { name, platform } = view.row;
  const branch = target === undefined || target.state === "not-configured" ? "main" : target.branch;
  const flakeDir = target === undefined || target.state === "not-configured" ? "" : (target.flakeDir ?? "");
  const setup = hostSetup({ name, platform, url: server.origin, repoUrl: server.repoUrl, branch, flakeDir });
  const there = setup.user === "root" ? `On ${name}, as root` : `On ${name}, as the user`;
  const prompt = setup.user === "root" ? "#" : "$";
  return (
    <>
      {isLoopback(server.origin) && (
        <Note>
          <code>{server.origin}</code> is a loopback address, so only an agent on the dashboard’s own machine can use it. Set{" "}
          <code>NIXFLEET_ORIGIN</code> to an address that {name} can reach.
        </Note>
      )}
      {server.repoUrl === null && (
        <Note>
          This dashboard has no config repository yet. Replace the example with your repository’s URL, and set the dashboard’s{" "}
          <code>NIXFLEET_REPO_URL</code>.
        </Note>
      )}
      <SetupBlock
        number={1}
        icon={Laptop}
        where="On your computer, in the config repository"
        why="Add this file, or add its lines to an existing one. Then commit and push."
        copy={setup.file.code}
      >
        <NixFile path={setup.file.path} code={setup.file.code} />
      </SetupBlock>
      <SetupBlock
        number={2}
        icon={Server}
        where={there}
        why={`Stores the token where only ${setup.user === "root" ? "root" : "you"} can read it. After the second command, paste the token, then press Enter and Ctrl+D.`}
        copy={setup.storeToken.join("\n")}
      >
        <Commands label="Store the token" lines={setup.storeToken} prompt={prompt} />
        <TokenRow view={view} />
      </SetupBlock>
      <SetupBlock
        number={3}
        icon={Server}
        where={there}
        why={`Run the first switch by hand. After that, ${name} is in the fleet.`}
        copy={setup.switchByHand}
      >
        <Commands label="Switch by hand" lines={[setup.switchByHand]} prompt={prompt} />
        <details className="mt-3 text-small">
          <summary className="w-max max-w-full text-muted hover:text-text max-phone:min-h-11">
            Or try the agent without the module
          </summary>
          <p className="py-2 text-muted">
            If <code>nixfleet-agent</code> is installed, this runs it until you press Ctrl+C.
          </p>
          <Commands label="Start the agent" lines={[setup.runByHand]} prompt={prompt} />
        </details>
      </SetupBlock>
    </>
  );
}

function Note({ children }: { children: ReactNode }) {
  return (
    <StatusLine status="attention" className="mb-4 rounded-m bg-attention-soft px-4 py-2.5">
      {children}
    </StatusLine>
  );
}
