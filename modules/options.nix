# Every option of the agent, for NixOS, nix-darwin and Home Manager alike. Each ends as one of the environment variables of
# packages/agent/src/settings.ts (environment.nix), or as a property of a service.
{
  lib,
  pkgs,
  ...
}:
let
  inherit (lib)
    literalExpression
    mkEnableOption
    mkOption
    types
    ;

  knownOps = builtins.fromJSON (builtins.readFile ./ops.json);

  # A path as text: one of the Nix language would be copied into the store, where every user can read it.
  secretFile = types.str // {
    description = "absolute path outside of the store, as a string";
  };

  # Both fit: one of the Nix language is copied into the store.
  publicFile = types.either types.path types.str // {
    description = "path, or absolute path as a string";
  };

  nullOrOption =
    type: attributes:
    mkOption (
      {
        type = types.nullOr type;
        default = null;
      }
      // attributes
    );

  healthCheck = types.submodule {
    options = {
      kind = mkOption {
        type = types.enum [
          "http"
          "tcp"
          "command"
        ];
        description = "What is tried: a GET request, a connection, or a program that must exit with 0.";
        example = "http";
      };
      name = nullOrOption types.str {
        description = "What it is called in the run's log; if null, what it tries.";
        example = "web site";
      };
      url = nullOrOption types.str {
        description = "Of kind http: the address to GET.";
        example = "http://localhost:8080/health";
      };
      status = nullOrOption (types.ints.between 100 599) {
        description = "Of kind http: the status that is expected; if null, any of 200 to 399.";
        example = 204;
      };
      host = nullOrOption types.str {
        description = "Of kind tcp: the name or address to connect to.";
        example = "localhost";
      };
      port = nullOrOption types.port {
        description = "Of kind tcp: the port to connect to.";
        example = 5432;
      };
      argv = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "Of kind command: the program and its arguments. No shell reads them.";
        example = [
          "/run/current-system/sw/bin/systemctl"
          "is-active"
          "postgresql.service"
        ];
      };
      timeout = nullOrOption (types.ints.between 1 600) {
        description = "Seconds that one try may take; if null, 10, and 30 for a command.";
        example = 5;
      };
    };
  };
in
{
  options.services.nixfleet-agent = {
    enable = mkEnableOption "the NixFleet agent, which reports this host to a dashboard and switches it on request";

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ../nix/agent.nix { };
      defaultText = literalExpression "nixfleet.packages.\${system}.nixfleet-agent";
      description = "The agent to run.";
      example = literalExpression "pkgs.nixfleet-agent";
    };

    url = mkOption {
      type = types.str;
      description = "Address of the dashboard: http(s) or ws(s), with or without a path.";
      example = "https://fleet.example.org";
    };

    tokenFile = mkOption {
      type = secretFile;
      description = ''
        File that holds this host's token, as the dashboard showed it when the host was added: the raw token, or a line
        `NIXFLEET_TOKEN=…`. It is read when the agent starts and never copied into the store, so the paths that agenix and
        sops-nix give fit.
      '';
      example = literalExpression "config.age.secrets.nixfleet-token.path";
    };

    repoUrl = mkOption {
      type = types.str;
      description = "The config repository that this host follows. The agent keeps a clone of its own.";
      example = "ssh://git@git.example.org/config.git";
    };

    branch = mkOption {
      type = types.str;
      default = "main";
      description = "The branch to follow. Commits that cannot be reached from it are never deployed.";
      example = "production";
    };

    submodules = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether the flake is evaluated with the submodules of the config repository (`?submodules=1`). Nix fetches them with the credentials below on
        the hosts that these are for. Relative URLs need a newer Nix (2.34 takes them, 2.8 does not). Tests of hosts are not taken from submodules.
      '';
    };

    flakeDir = mkOption {
      type = types.str;
      default = "";
      description = "Folder of the config repository that has the flake, where that is not its root. The tests of the host are beside the flake, in `hosts/<hostname>/tests`. The dashboard has the same setting, `NIXFLEET_FLAKE_DIR`.";
      example = "nix";
    };

    sshKeyFile = nullOrOption secretFile {
      description = "Private key with read access to the config repository, for an ssh:// address. If null, those of the user who runs it, `~/.ssh/id_*`. Inputs of the flake on the same server are fetched with it too.";
      example = "/run/agenix/nixfleet-deploy-key";
    };

    knownHostsFile = nullOrOption publicFile {
      description = "Host keys of the git server, as ssh(1) has them in known_hosts. Unknown keys are never accepted.";
      example = literalExpression ''"''${pkgs.writeText "known-hosts" "git.example.org ssh-ed25519 AAAA…"}"'';
    };

    gitCredentialsFile = nullOrOption secretFile {
      description = "File with a line `https://user:token@host` with read access to the config repository. Inputs of the flake on servers that it names are fetched with it too.";
      example = "/run/agenix/nixfleet-git-credentials";
    };

    hostname = nullOrOption (types.strMatching "[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?") {
      description = "Name that this host goes by in the fleet; if null, the machine's name without a domain, on macOS its LocalHostName.";
      example = "gate";
    };

    flakeAttr = nullOrOption types.str {
      description = ''
        Attribute of the flake that is built. If null: `nixosConfigurations.<hostname>.config.system.build.toplevel`,
        `darwinConfigurations.<hostname>.system`, or `homeConfigurations."<user>@<hostname>".activationPackage`, else
        `homeConfigurations.<user>.activationPackage`.
      '';
      example = "nixosConfigurations.gate.config.system.build.toplevel";
    };

    interval = mkOption {
      type = types.ints.between 1 3600;
      default = 5;
      description = "Seconds between metrics while somebody is watching this host. Else they go once a minute.";
      example = 15;
    };

    location = mkOption {
      type = types.strMatching ".{1,40}";
      default = "home";
      description = "Where the host is: home, work, cloud, or a name of your own.";
      example = "cloud";
    };

    deviceType = mkOption {
      type = types.enum [
        "server"
        "desktop"
        "laptop"
        "gaming"
      ];
      default = "desktop";
      description = "What the host is.";
      example = "server";
    };

    tags = mkOption {
      type = types.listOf (types.strMatching "[^[:space:],]{1,40}");
      default = [ ];
      description = "Words to find the host by.";
      example = [
        "web"
        "eu"
      ];
    };

    themeColor = nullOrOption (types.strMatching "#[0-9a-fA-F]{6}") {
      description = "The host's colour on the page.";
      example = "#7aa2f7";
    };

    allowedOps = mkOption {
      type = types.listOf types.str;
      default = knownOps;
      defaultText = literalExpression "all of them";
      description = "What this host does at all: ${lib.concatStringsSep ", " knownOps}. Others are refused, whoever asks.";
      example = [
        "pull"
        "preview"
        "refresh"
      ];
    };

    allowRewind = mkOption {
      type = types.bool;
      default = false;
      description = "Whether a forced switch may go back to an older commit. A rollback to a generation of this host needs it only where `signing.required` is set; then the generation's commit must be signed, too.";
      example = true;
    };

    signing = {
      required = mkOption {
        type = types.bool;
        default = false;
        description = "Whether only commits that one of the keys below has signed are deployed, evaluated or tested. Unless `allowRewind` is set, none of these goes behind what was deployed last.";
        example = true;
      };
      allowedSigners = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "SSH keys that may sign commits: lines as ssh-keygen(1) has them under ALLOWED SIGNERS.";
        example = [ "ada@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA…" ];
      };
      openpgpKeys = mkOption {
        type = types.listOf (types.either types.path types.str);
        default = [ ];
        description = "OpenPGP public keys that may sign commits, armored: files, or text.";
        example = literalExpression "[ ./keys/ada.asc ]";
      };
    };

    confirmTimeout = mkOption {
      type = types.ints.between 0 3600;
      default = 120;
      description = ''
        Seconds from the start of an activation within which the host must be well and reach the dashboard again. Else it
        goes back to the previous system, by itself. 0 turns this off.
      '';
      example = 300;
    };

    healthChecks = mkOption {
      type = types.listOf healthCheck;
      default = [ ];
      description = "What must hold after a switch. If one still fails when the confirm window (`confirmTimeout`) ends, the switch is undone.";
      example = [
        {
          kind = "http";
          url = "http://localhost:8080/health";
        }
        {
          kind = "tcp";
          host = "localhost";
          port = 5432;
        }
      ];
    };

    ignoreFailedUnits = mkOption {
      type = types.listOf (types.strMatching "[^[:space:],]+");
      default = [ ];
      description = "Units that may fail after a switch without it being undone.";
      example = [ "fwupd-refresh.service" ];
    };

    activationCommand = nullOrOption publicFile {
      description = ''
        Program that activates and installs the boot entry instead of the platform's own, for those who want a tool of their own to run. It gets
        the closure and a word as arguments: `test` to activate, `boot` to install the boot entry once that is confirmed, and `switch` where
        the platform has neither. Undoing never uses it.
      '';
      example = literalExpression ''"''${pkgs.writeShellScript "activate" "exec \"$1\"/bin/switch-to-configuration \"$2\""}"'';
    };

    backupFileExtension = nullOrOption (types.strMatching "[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}") {
      description = ''
        Home Manager: a file that is in the way of one of its links is moved to its name with a dot and this behind it, as with
        `home-manager switch -b`. If null, a switch that would need that fails before it changes anything. The undo of a switch moves
        the files back. NixOS and nix-darwin have no use for it.
      '';
      example = "backup";
    };

    runner = {
      memoryMax = nullOrOption types.str {
        description = "Memory that fetching, evaluating and building may use at most (`MemoryMax=` of systemd.resource-control(5)). launchd has no such limit.";
        example = "4G";
      };
      memoryHigh = nullOrOption types.str {
        description = "Memory above which they are slowed down (`MemoryHigh=`). launchd has no such limit.";
        example = "75%";
      };
      cpuQuota = nullOrOption (types.strMatching "[0-9]+%") {
        description = "CPU time that they may use at most, 100% being one core (`CPUQuota=`). launchd has no such limit.";
        example = "200%";
      };
      nice = mkOption {
        type = types.ints.between 0 19;
        default = 0;
        description = "How far they step back when others want the CPU, as nice(1) has it.";
        example = 10;
      };
    };

    logLevel = mkOption {
      type = types.enum [
        "debug"
        "info"
        "warn"
        "error"
      ];
      default = "info";
      description = "The least that daemon and runner write to the journal.";
      example = "debug";
    };

    user = mkOption {
      type = types.strMatching "[a-z_][a-z0-9_-]{0,30}";
      default = "nixfleet-agent";
      description = "Whom the daemon runs as, and the group that it shares with the runner. Home Manager: everything runs as you, and this means nothing.";
      example = "fleet";
    };

    uid = nullOrOption types.ints.positive {
      description = "Its user and group id. NixOS chooses one if null; nix-darwin needs one, and takes 577 if null.";
      example = 577;
    };
  };
}
