# The agent for one user's home: user units of systemd on Linux, launchd agents on macOS. Daemon and runner are the same user.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.nixfleet-agent;
  inherit (pkgs.stdenv.hostPlatform) isDarwin;
  stateDir = "${config.xdg.stateHome}/nixfleet-agent";
  runnerDir = "${config.xdg.stateHome}/nixfleet-runner";

  environment = import ./environment.nix {
    inherit
      lib
      pkgs
      cfg
      stateDir
      runnerDir
      ;
    platform = "home-manager";
    process.PATH = path;
  };

  program = "${cfg.package}/bin/nixfleet-agent";
  # Nix is the machine's own, wherever its installer has put it.
  path =
    lib.makeBinPath (
      [
        pkgs.gitMinimal
        pkgs.openssh
      ]
      ++ lib.optional (config.nix.package != null) config.nix.package
      ++ lib.optional (cfg.signing.openpgpKeys != [ ]) pkgs.gnupg
    )
    + ":${config.home.profileDirectory}/bin:/nix/var/nix/profiles/default/bin:/run/wrappers/bin:/run/current-system/sw/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

  token.NIXFLEET_TOKEN_FILE = cfg.tokenFile;
  forUnit =
    variables:
    lib.mapAttrsToList (name: value: builtins.toJSON "${name}=${value}") (
      environment.forSystemd (variables // { PATH = path; })
    );

  # A switch leaves them alone: the agent is what runs it. The daemon looks for a newer agent by itself and makes way for it.
  keptOverSwitches = {
    X-SwitchMethod = "keep-old";
    X-StopOnRemoval = false;
    StartLimitIntervalSec = 0;
  };

  launchd = import ./launchd.nix;
  script =
    name: variables: command:
    pkgs.writeShellScript name ''
      ${environment.exports (variables // { PATH = path; })}
      exec ${command}
    '';
in
{
  imports = [ ./options.nix ];

  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      {
        inherit (environment) assertions;
        home.packages = [ environment.command ];
      }

      (lib.mkIf (!isDarwin) {
        systemd.user.services.nixfleet-agent = {
          Unit = keptOverSwitches // {
            Description = "NixFleet agent";
          };
          Service = {
            Type = "exec";
            Environment = forUnit (environment.daemon // token);
            ExecStart = "${program} run --runner=service";
            Restart = "always";
            RestartSec = 2;
            # By this code it asks to be restarted, as the agent that is installed by then.
            RestartForceExitStatus = 101;
            TimeoutStopSec = 15;
            # Its files hold what the dashboard asked for; they are the user's own. It needs none of the user's ways to root.
            UMask = "0077";
            NoNewPrivileges = true;
          };
          Install.WantedBy = [ "default.target" ];
        };

        # The daemon asks by a file. So the runner is a child of the service manager and nothing that stops the daemon stops it.
        systemd.user.paths.nixfleet-runner = {
          Unit = {
            Description = "Requests to the NixFleet runner";
            X-StopOnRemoval = false;
          };
          Path = {
            PathExistsGlob = "${stateDir}/queue/*.json";
            Unit = "nixfleet-runner.service";
          };
          Install.WantedBy = [ "default.target" ];
        };

        systemd.user.services.nixfleet-runner = {
          Unit = keptOverSwitches // {
            Description = "NixFleet runner";
          };
          Service = {
            Type = "exec";
            Environment = forUnit environment.runner;
            ExecStart = "${program} runner";
            # The path unit starts a runner again at once while the queue holds a file, also one that no runner takes: not faster than this.
            ExecStopPost = "${pkgs.runtimeShell} -c 'test \"$$SERVICE_RESULT\" = success && exec ${pkgs.coreutils}/bin/sleep 1; exec ${pkgs.coreutils}/bin/sleep 3'";
            # A stop ends the runner, never an activation that it has begun (R29).
            KillMode = "process";
            TimeoutStopSec = 15;
            # An evaluation that needs too much memory is ended by itself, and the runner lives to tell.
            OOMPolicy = "continue";
            Nice = cfg.runner.nice;
          }
          // lib.filterAttrs (_: value: value != null) {
            MemoryMax = cfg.runner.memoryMax;
            MemoryHigh = cfg.runner.memoryHigh;
            CPUQuota = cfg.runner.cpuQuota;
          };
        };

        # A boot (or the end of the user's session) within the confirm window is evidence enough that nobody confirmed.
        systemd.user.services.nixfleet-deadman = {
          Unit = keptOverSwitches // {
            Description = "NixFleet dead-man switch at boot";
            ConditionPathExists = "${runnerDir}/deadman.json";
            Before = [
              "nixfleet-agent.service"
              "nixfleet-runner.service"
            ];
          };
          Service = {
            # Not oneshot: the activation that it runs would wait for a job that waits for itself.
            Type = "exec";
            Environment = forUnit { NIXFLEET_RUNNER_DIR = runnerDir; };
            # The agent that armed it, not the one that may be broken.
            ExecStart = "${runnerDir}/deadman-program deadman --boot";
            Restart = "on-failure";
            RestartSec = 10;
            KillMode = "process";
            TimeoutStopSec = "5min";
          };
          Install.WantedBy = [ "default.target" ];
        };
      })

      (lib.mkIf isDarwin {
        # launchd watches only a queue that is there.
        home.activation.nixfleetAgent =
          lib.hm.dag.entryBetween [ "setupLaunchAgents" ] [ "writeBoundary" ]
            ''
              $DRY_RUN_CMD mkdir -p -m 0700 ${lib.escapeShellArg "${stateDir}/queue"} ${lib.escapeShellArg "${stateDir}/cancel"} ${lib.escapeShellArg runnerDir}
            '';

        # A job that changes is unloaded by the switch, which ends its process: so the runner's never changes, and starts this.
        xdg.configFile."nixfleet-agent/runner".source = script "nixfleet-runner" environment.runner "${program} runner";

        launchd.agents = {
          nixfleet-agent = {
            enable = true;
            config = launchd.daemon {
              # The program is in the job, so that whoever reads the job sees which agent is installed.
              command = "${
                script "nixfleet-daemon" (environment.daemon // token) "\"$@\""
              } ${program} run --runner=service";
              log = "${stateDir}/agent.log";
            };
          };
          nixfleet-runner = {
            enable = true;
            config = launchd.runner {
              command = lib.escapeShellArg "${config.xdg.configHome}/nixfleet-agent/runner";
              queue = "${stateDir}/queue";
              log = "${runnerDir}/runner.log";
            };
          };
          nixfleet-deadman = {
            enable = true;
            config = launchd.deadman {
              inherit runnerDir;
              log = "${runnerDir}/runner.log";
            };
          };
        };
      })
    ]
  );
}
