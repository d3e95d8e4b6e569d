# The agent on macOS with nix-darwin: launchd daemons for daemon, runner, token, and what undoes an unconfirmed switch at boot.
#
# Two things that systemd has and launchd has not are made up for here. A job that changes is unloaded and loaded by
# `darwin-rebuild`, which ends its process: so the runner's job never changes, and starts a script of /etc that does. And there are
# no credentials: so a job of root's copies the token to where the daemon alone can read it.
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
  credentialDir = "/var/lib/nixfleet-credential";
  uid = if cfg.uid == null then 534 else cfg.uid;

  environment = import ./environment.nix {
    inherit
      lib
      pkgs
      cfg
      stateDir
      runnerDir
      ;
    platform = "darwin";
    inherit process;
  };

  launchd = import ./launchd.nix;
  # Without `nix.enable` something else has installed Nix, and nix-darwin forbids to ask which.
  path =
    lib.makeBinPath (
      [
        pkgs.gitMinimal
        pkgs.openssh
      ]
      ++ lib.optional config.nix.enable config.nix.package
    )
    + ":/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/bin:/bin:/usr/sbin:/sbin";

  process = {
    PATH = lib.optionalString (cfg.signing.openpgpKeys != [ ]) "${pkgs.gnupg}/bin:" + path;
    HOME = "/var/root";
  };

  # In scripts, since a plist is XML and not every nix-darwin escapes what is in one.
  daemon = pkgs.writeShellScript "nixfleet-daemon" ''
    ${environment.exports (
      environment.daemon
      // {
        PATH = path;
        HOME = stateDir;
        NIXFLEET_TOKEN_FILE = "${credentialDir}/token";
      }
    )}
    umask 0027
    exec "$@"
  '';
  runner = pkgs.writeShellScript "nixfleet-runner" ''
    ${environment.exports (
      environment.runner // process
    )}
    exec ${cfg.package}/bin/nixfleet-agent runner
  '';
  token = pkgs.writeShellScript "nixfleet-token" ''
    # It may be made later than this job: launchd starts it again when the file appears or changes.
    test -e ${lib.escapeShellArg cfg.tokenFile} || exit 0
    exec /usr/bin/install -m 0640 -o root -g ${cfg.user} ${lib.escapeShellArg cfg.tokenFile} ${credentialDir}/token
  '';
in
{
  imports = [ ./options.nix ];

  config = lib.mkIf cfg.enable {
    inherit (environment) assertions;

    environment.systemPackages = [ environment.command ];
    environment.etc."nixfleet-agent/runner".source = runner;

    # nix-darwin makes and removes only the users that are named as known.
    users.knownUsers = [ cfg.user ];
    users.knownGroups = [ cfg.user ];
    users.users.${cfg.user} = {
      inherit uid;
      gid = uid;
      home = stateDir;
      isHidden = true;
      description = "NixFleet agent";
    };
    users.groups.${cfg.user} = {
      gid = uid;
      description = "NixFleet agent";
    };

    # After the users were made, before the jobs are loaded: launchd watches only a queue that is there. A file takes the group of
    # its directory on macOS.
    system.activationScripts.launchd.text = lib.mkBefore ''
      /usr/bin/install -d -m 0755 -o root -g wheel /var/lib
      /usr/bin/install -d -m 0750 -o ${cfg.user} -g ${cfg.user} ${stateDir} ${stateDir}/queue ${stateDir}/cancel
      /usr/bin/install -d -m 0750 -o root -g ${cfg.user} ${runnerDir} ${runnerDir}/runs ${credentialDir}
    '';

    launchd.daemons = {
      nixfleet-agent.serviceConfig = launchd.daemon {
        # The program is in the job, so that whoever reads the job sees which agent is installed.
        command = "${daemon} ${cfg.package}/bin/nixfleet-agent run --runner=service";
        log = "${stateDir}/agent.log";
      }
      // {
        UserName = cfg.user;
        GroupName = cfg.user;
      };

      nixfleet-runner.serviceConfig = launchd.runner {
        command = "/etc/nixfleet-agent/runner";
        queue = "${stateDir}/queue";
        log = "/var/log/nixfleet-runner.log";
      };

      nixfleet-deadman.serviceConfig = launchd.deadman {
        inherit runnerDir;
        log = "/var/log/nixfleet-runner.log";
      };

      nixfleet-token.serviceConfig = {
        Label = "com.nixfleet.token";
        ProgramArguments = launchd.afterStore "${token}";
        RunAtLoad = true;
        WatchPaths = [ cfg.tokenFile ];
        StandardErrorPath = "/var/log/nixfleet-runner.log";
      };
    };
  };
}
