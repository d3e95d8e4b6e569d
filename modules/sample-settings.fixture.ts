import type { ModuleRequest } from "./evaluate.ts";

/** The least that a host must say. */
export const least: ModuleRequest = {
  settings: {
    enable: true,
    url: "https://fleet.example.org",
    tokenFile: "/run/agenix/nixfleet-token",
    repoUrl: "ssh://git@git.example.org/config.git",
  },
};

/** Every option, each other than its default. */
export const everything: ModuleRequest = {
  settings: {
    ...least.settings,
    url: "wss://fleet.example.org/at%20home",
    branch: "fleet/live",
    submodules: true,
    flakeDir: "machines/nix",
    sshKeyFile: "/run/agenix/deploy-key",
    knownHostsFile: "/etc/ssh/ssh_known_hosts",
    gitCredentialsFile: "/run/agenix/git-credentials",
    hostname: "gate",
    flakeAttr: 'nixosConfigurations."gate".config.system.build.toplevel',
    interval: 15,
    location: "the attic",
    deviceType: "server",
    tags: ["web", "eu"],
    themeColor: "#7aa2f7",
    allowedOps: ["pull", "preview", "switch", "refresh"],
    allowRewind: true,
    signing: {
      required: true,
      allowedSigners: ["ada@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample"],
      openpgpKeys: ["-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nexample\n-----END PGP PUBLIC KEY BLOCK-----"],
    },
    confirmTimeout: 300,
    healthChecks: [
      { kind: "http", name: "web site", url: "http://localhost:8080/health?a=1&b=%20", status: 204, timeout: 5 },
      { kind: "tcp", host: "localhost", port: 5432 },
      { kind: "command", argv: ["/run/current-system/sw/bin/test", "-e", 'a "quoted" $file'] },
    ],
    ignoreFailedUnits: ["fwupd-refresh.service", "logrotate.service"],
    activationCommand: "/etc/nixfleet/activate",
    backupFileExtension: "before.home-manager",
    runner: { memoryMax: "4G", memoryHigh: "75%", cpuQuota: "200%", nice: 10 },
    logLevel: "debug",
    user: "fleet",
    uid: 777,
  },
};
