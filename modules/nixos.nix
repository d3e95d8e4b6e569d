# The agent on NixOS: the daemon as a user of its own, the runner as root, and what undoes an unconfirmed switch at boot.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.nixfleet-agent;
  stateDir = "/var/lib/nixfleet-agent";
  runnerDir = "/var/lib/nixfleet-runner";

  environment = import ./environment.nix {
    inherit
      lib
      pkgs
      cfg
      stateDir
      runnerDir
      ;
    platform = "nixos";
    # The way to the network, and the host's own certificate authorities where it has any: the usual ones are in neither list
    # (nixos/modules/security/ca.nix of nixpkgs).
    machine = config.networking.proxy.envVars // {
      NODE_EXTRA_CA_CERTS =
        if (pki.installCACerts or true) && pki.certificates ++ pki.certificateFiles != [ ] then
          "/etc/ssl/certs/ca-certificates.crt"
        else
          null;
    };
    process = {
      inherit (config.systemd.services.nixfleet-runner.environment) HOME PATH;
    };
  };

  inherit (config.security) pki;

  program = "${cfg.package}/bin/nixfleet-agent";

  # A switch leaves these units alone, also one that removes them: the agent is what runs the switch. The daemon looks for a newer
  # agent by itself and makes way for it; the runner and the unit at boot are new at their next start anyway. After a removal what
  # still runs stays until the next boot (X-StopOnRemoval: "Unit handling" in the manual of NixOS).
  keptOverSwitches = {
    restartIfChanged = false;
    stopIfChanged = false;
    unitConfig.X-StopOnRemoval = false;
  };

  tools = [
    pkgs.gitMinimal
    pkgs.openssh
    config.nix.package
  ];
in
{
  imports = [ ./options.nix ];

  config = lib.mkIf cfg.enable {
    inherit (environment) assertions;

    environment.systemPackages = [ environment.command ];

    users.users.${cfg.user} = {
      isSystemUser = true;
      group = cfg.user;
      uid = lib.mkIf (cfg.uid != null) cfg.uid;
      home = stateDir;
      description = "NixFleet agent";
    };
    users.groups.${cfg.user}.gid = lib.mkIf (cfg.uid != null) cfg.uid;

    # Root's, readable by the daemon: files made in it get its group by the set-group-id bit. No umask does that part, since an
    # activation that the runner starts would inherit it.
    systemd.tmpfiles.rules = [
      "d ${runnerDir} 2750 root ${cfg.user} - -"
      # Here already, so that the daemon can watch it from its start.
      "d ${runnerDir}/runs 2750 root ${cfg.user} - -"
    ];

    systemd.services.nixfleet-agent = keptOverSwitches // {
      description = "NixFleet agent";
      wantedBy = [ "multi-user.target" ];
      # The daemon waits for the network by itself, and starts without one. No network-online.target: what that waits for may take
      # two minutes or fail, and would then be a failed unit for which nobody but this agent has asked.
      after = [ "network.target" ];
      # It never gives up starting: a host without its agent is out of reach.
      startLimitIntervalSec = 0;
      path = tools;
      environment =
        environment.forSystemd environment.daemon
        // {
          # Where systemd puts the credential.
          NIXFLEET_TOKEN_FILE = "%d/token";
        };
      serviceConfig = {
        Type = "exec";
        ExecStart = "${program} run --runner=service";
        Restart = "always";
        RestartSec = 2;
        # By this code it asks to be restarted, as the agent that is installed by then.
        RestartForceExitStatus = 101;
        TimeoutStopSec = 15;

        User = cfg.user;
        Group = cfg.user;
        # systemd reads the token's file as root and hands a copy to this service alone: the file itself stays root's.
        LoadCredential = "token:${cfg.tokenFile}";
        StateDirectory = "nixfleet-agent";
        StateDirectoryMode = "0750";
        # The group may read what the daemon writes, and nobody else.
        UMask = "0027";

        # It needs no privilege, and can get none.
        CapabilityBoundingSet = "";
        AmbientCapabilities = "";
        NoNewPrivileges = true;
        RestrictSUIDSGID = true;
        # It writes its state directory and nothing else.
        ProtectSystem = "strict";
        # Nobody's home holds anything for it.
        ProtectHome = true;
        # No files of other services in /tmp, no files for others there.
        PrivateTmp = true;
        # What it would mount, nobody else would see.
        PrivateMounts = true;
        # No disks, no cameras, no terminals: /dev/null and its like remain.
        PrivateDevices = true;
        DevicePolicy = "closed";
        # No user but its own and root is anybody in there.
        PrivateUsers = true;
        # It reads /proc for metrics and for whether a runner lives, so /proc stays visible (no ProtectProc, no ProcSubset), but
        # what the kernel lets be changed there is read-only.
        ProtectKernelTunables = true;
        ProtectKernelModules = true;
        ProtectKernelLogs = true;
        ProtectControlGroups = true;
        # Neither the clock nor the name of the machine is its business.
        ProtectClock = true;
        ProtectHostname = true;
        # The dashboard (IPv4, IPv6), and D-Bus for `systemctl list-units` (Unix). No raw sockets, no netlink.
        RestrictAddressFamilies = [
          "AF_INET"
          "AF_INET6"
          "AF_UNIX"
        ];
        # It makes no containers.
        RestrictNamespaces = true;
        # No real-time scheduling with which to starve others.
        RestrictRealtime = true;
        # No old binary formats (personality(2)).
        LockPersonality = true;
        # Keys and semaphores of System V that outlive it would be its own alone: they go with it.
        RemoveIPC = true;
        # What a service usually calls, and memory protection keys, which V8 uses. No MemoryDenyWriteExecute, since a just-in-time
        # compiler writes what it then executes.
        SystemCallFilter = [
          "@system-service"
          "@pkey"
        ];
        SystemCallArchitectures = "native";
        # A killed call is told to the program, which can say so, instead of ending it.
        SystemCallErrorNumber = "EPERM";
        KeyringMode = "private";
        # It must stay when memory is short, so that the host can be told what to do about it.
        OOMScoreAdjust = -500;
      };
    };

    # The daemon asks by a file. So the runner is a child of the service manager and nothing that stops the daemon stops it.
    systemd.paths.nixfleet-runner = {
      description = "Requests to the NixFleet runner";
      wantedBy = [ "multi-user.target" ];
      unitConfig.X-StopOnRemoval = false;
      pathConfig = {
        PathExistsGlob = "${stateDir}/queue/*.json";
        Unit = "nixfleet-runner.service";
      };
    };

    systemd.services.nixfleet-runner = keptOverSwitches // {
      description = "NixFleet runner";
      # What is requested is done, however often: no limit of starts applies.
      startLimitIntervalSec = 0;
      path =
        tools
        ++ lib.optional (cfg.signing.openpgpKeys != [ ]) pkgs.gnupg
        ++ [
          # For the host's own tests, and for what an activation command calls.
          "/run/wrappers"
          "/run/current-system/sw"
        ];
      environment = environment.forSystemd (environment.runner // { HOME = "/root"; });
      serviceConfig = {
        # Not oneshot: a job that lasts as long as a switch would be waited for by that very switch.
        Type = "exec";
        ExecStart = "${program} runner";
        # The path unit starts a runner again at once while the queue holds a file, also one that no runner takes: not faster than this.
        ExecStopPost = "${pkgs.runtimeShell} -c 'test \"$$SERVICE_RESULT\" = success && exec ${pkgs.coreutils}/bin/sleep 1; exec ${pkgs.coreutils}/bin/sleep 3'";
        Restart = "no";
        # A stop ends the runner, never an activation that it has begun (R29): half an activation is worse than none.
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

    # A boot within the confirm window is evidence enough that the new system was not confirmed.
    systemd.services.nixfleet-deadman = keptOverSwitches // {
      description = "NixFleet dead-man switch at boot";
      wantedBy = [ "multi-user.target" ];
      before = [
        "nixfleet-agent.service"
        "nixfleet-runner.service"
      ];
      unitConfig = keptOverSwitches.unitConfig // {
        ConditionPathExists = "${runnerDir}/deadman.json";
      };
      startLimitIntervalSec = 0;
      path = [ config.nix.package ];
      environment = environment.forSystemd {
        NIXFLEET_RUNNER_DIR = runnerDir;
        HOME = "/root";
      };
      serviceConfig = {
        # Not oneshot: the activation that it runs starts multi-user.target and would wait for a job that waits for itself.
        Type = "exec";
        # The agent that armed it, not the one that may be broken.
        ExecStart = "${runnerDir}/deadman-program deadman --boot";
        # It is repeated until it is done: a record that is still there afterwards was not undone.
        Restart = "on-failure";
        RestartSec = 10;
        KillMode = "process";
        TimeoutStopSec = "5min";
      };
    };
  };
}
