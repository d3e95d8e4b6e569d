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
  # nix-darwin has given out 530 to 535 to services of its own (modules/misc/ids.nix and modules/services there), and two users with
  # one id do not evaluate. It never removes a user below 502, and people get the ids from 501 up.
  uid = if cfg.uid == null then 577 else cfg.uid;

  inherit (config.security) pki;

  environment = import ./environment.nix {
    inherit
      lib
      pkgs
      cfg
      stateDir
      runnerDir
      ;
    platform = "darwin";
    machine = {
      # As darwin-rebuild does: limits, certificates and proxies are the daemon's, and root's builds are no other's.
      NIX_REMOTE = "daemon";
      # By which darwin-rebuild finds the configuration. What hostname(1) says may come from DHCP.
      NIXFLEET_HOSTNAME = config.networking.localHostName;
      # The host's own certificate authorities, where it has any beside the usual ones.
      NODE_EXTRA_CA_CERTS =
        if pki.installCACerts && (pki.certificates != [ ] || builtins.length pki.certificateFiles > 1) then
          "/etc/ssl/certs/ca-certificates.crt"
        else
          null;
    };
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
      # By the name that macOS writes down for it, since /var is a link: nix-darwin compares the two as they are (until June 2026), and
      # refuses to activate when they differ.
      home = "/private${stateDir}";
      isHidden = true;
      description = "NixFleet agent";
    };
    users.groups.${cfg.user} = {
      gid = uid;
      description = "NixFleet agent";
    };

    # Before the users are made: nix-darwin asks realpath(1) for the home of a user who is there, which needs its parent. An activation
    # that ended between the two would let no other begin.
    system.activationScripts.extraActivation.text = "/usr/bin/install -d -m 0755 -o root -g wheel /var/lib\n";
    # After the users were made, before the jobs are loaded: launchd watches only a queue that is there. A file takes the group of
    # its directory on macOS.
    system.activationScripts.launchd.text = lib.mkBefore ''
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
