# From the options to the environment variables of packages/agent/src/settings.ts, and to the sentences that say what is wrong.
{
  lib,
  pkgs,
  cfg,
  platform,
  stateDir,
  runnerDir,
  # Variables for daemon, runner and command that this platform knows.
  machine ? { },
  # PATH and HOME of the runner's service: by hand the same programs are found.
  process ? { },
}:
let
  inherit (lib)
    concatStringsSep
    filterAttrs
    hasPrefix
    optionals
    ;

  # An empty variable counts as not set for the agent, so one is never written. A path of the Nix language becomes one of the store.
  written =
    variables:
    builtins.mapAttrs (_: value: if builtins.isPath value then "${value}" else value) (
      filterAttrs (_: value: value != null && value != "") variables
    );
  words = concatStringsSep ",";
  bool = value: if value then "true" else "false";

  lines = name: text: if text == [ ] then null else "${pkgs.writeText name (concatStringsSep "\n" text + "\n")}";
  keyText = key: if builtins.isPath key || hasPrefix "/" key then builtins.readFile key else key;
  healthChecks = map (filterAttrs (_: value: value != null && value != [ ])) cfg.healthChecks;

  # Variables of a person's session that change what the agent, git or Nix do, and that no service of the system inherits.
  foreign = [
    "http_proxy"
    "https_proxy"
    "all_proxy"
    "no_proxy"
    "HTTP_PROXY"
    "HTTPS_PROXY"
    "ALL_PROXY"
    "NO_PROXY"
    "NODE_EXTRA_CA_CERTS"
    "NODE_OPTIONS"
    "SSL_CERT_FILE"
    "SSL_CERT_DIR"
    "NIX_SSL_CERT_FILE"
    "NIX_CONFIG"
    "NIX_PATH"
    "NIX_REMOTE"
  ];

  knownOps = builtins.fromJSON (builtins.readFile ./ops.json);
  unknownOps = builtins.filter (op: !builtins.elem op knownOps) cfg.allowedOps;

  # In a home, agenix gives paths that only a shell can read: below the directory that a session of the user's has, named by a
  # variable on Linux and by a command on macOS (`userDirectory` in modules/age-home.nix of agenix, as of February 2026).
  sessionDirectory =
    if platform != "home-manager" then
      null
    else if pkgs.stdenv.hostPlatform.isDarwin then
      {
        named = "\\$\\([^()]*getconf DARWIN_USER_TEMP_DIR\\)";
        shell = "\"$(/usr/bin/getconf DARWIN_USER_TEMP_DIR)\"";
      }
    else
      {
        named = "\\$XDG_RUNTIME_DIR|\\$\\{XDG_RUNTIME_DIR}";
        shell = "\"$XDG_RUNTIME_DIR\"";
      };
  # What follows the session's directory in a path that begins with it; null: another path.
  inSession =
    file:
    let
      found = builtins.match "(${sessionDirectory.named})(/.*)" file;
    in
    if sessionDirectory == null || found == null then null else builtins.elemAt found 1;

  # Secrets are files outside of the store: what is in the store, every user of the machine and of its caches can read.
  secretAssertions =
    name: file:
    optionals (file != null) [
      {
        assertion = hasPrefix "/" file || inSession file != null;
        message = "services.nixfleet-agent.${name} is ${file}: an absolute path is expected.";
      }
      {
        assertion = !hasPrefix "${builtins.storeDir}/" file;
        message = "services.nixfleet-agent.${name} is in the store, where every user can read it. Give the path of a file that is made on the host, for example by agenix or sops-nix.";
      }
    ];

  fieldsOf = {
    http = [ "url" ];
    tcp = [
      "host"
      "port"
    ];
    command = [ "argv" ];
  };
  ownFields = [
    "url"
    "status"
    "host"
    "port"
    "argv"
  ];
  isSet = check: field: check.${field} != null && check.${field} != [ ];
  healthAssertions =
    index: check:
    let
      needed = fieldsOf.${check.kind};
      missing = builtins.filter (field: !isSet check field) needed;
      allowed = needed ++ optionals (check.kind == "http") [ "status" ];
      foreign = builtins.filter (field: isSet check field && !builtins.elem field allowed) ownFields;
      place = "services.nixfleet-agent.healthChecks, number ${toString (index + 1)}, of kind ${check.kind}";
    in
    [
      {
        assertion = missing == [ ];
        message = "${place}: ${concatStringsSep " and " missing} must be set.";
      }
      {
        assertion = foreign == [ ];
        message = "${place}: ${concatStringsSep " and " foreign} means nothing there.";
      }
      {
        assertion = check.url == null || builtins.match "https?://[^[:space:]]+" check.url != null;
        message = "${place}: url begins with neither http:// nor https://.";
      }
      {
        assertion = check.argv == [ ] || hasPrefix "/" (builtins.head check.argv);
        message = "${place}: argv begins with no absolute path. The service's PATH is not yours.";
      }
    ];
in
rec {
  # What daemon and runner read alike. What the options say comes before what the platform knows.
  host = written machine // written {
    NIXFLEET_PLATFORM = platform;
    NIXFLEET_URL = cfg.url;
    NIXFLEET_REPO_URL = cfg.repoUrl;
    NIXFLEET_BRANCH = cfg.branch;
    NIXFLEET_FLAKE_DIR = cfg.flakeDir;
    NIXFLEET_HOSTNAME = cfg.hostname;
    NIXFLEET_FLAKE_ATTR = cfg.flakeAttr;
    NIXFLEET_ALLOWED_OPS = words cfg.allowedOps;
    NIXFLEET_ALLOW_REWIND = bool cfg.allowRewind;
    NIXFLEET_SIGNING_REQUIRED = bool cfg.signing.required;
    NIXFLEET_ALLOWED_SIGNERS_FILE = lines "nixfleet-allowed-signers" cfg.signing.allowedSigners;
    NIXFLEET_OPENPGP_KEYS_FILE = lines "nixfleet-openpgp-keys" (map keyText cfg.signing.openpgpKeys);
    NIXFLEET_CONFIRM_TIMEOUT = toString cfg.confirmTimeout;
    NIXFLEET_HEALTH_CHECKS_FILE =
      if healthChecks == [ ] then
        null
      else
        "${pkgs.writeText "nixfleet-health-checks.json" (builtins.toJSON healthChecks)}";
    NIXFLEET_IGNORE_FAILED_UNITS = words cfg.ignoreFailedUnits;
    NIXFLEET_STATE_DIR = stateDir;
    NIXFLEET_RUNNER_DIR = runnerDir;
    NIXFLEET_LOG_LEVEL = cfg.logLevel;
  };

  # What the runner alone needs: the daemon is told of no credential but the token.
  runner =
    host
    // written {
      NIXFLEET_SSH_KEY_FILE = cfg.sshKeyFile;
      NIXFLEET_KNOWN_HOSTS_FILE = cfg.knownHostsFile;
      NIXFLEET_GIT_CREDENTIALS_FILE = cfg.gitCredentialsFile;
      NIXFLEET_SUBMODULES = bool cfg.submodules;
      NIXFLEET_ACTIVATION_COMMAND = cfg.activationCommand;
      NIXFLEET_BACKUP_FILE_EXTENSION = cfg.backupFileExtension;
    };

  # What the daemon alone reads, but for the token.
  daemon =
    host
    // written {
      NIXFLEET_INTERVAL = toString cfg.interval;
      NIXFLEET_LOCATION = cfg.location;
      NIXFLEET_DEVICE_TYPE = cfg.deviceType;
      NIXFLEET_TAGS = words cfg.tags;
      NIXFLEET_THEME_COLOR = cfg.themeColor;
    };

  # The agent with this host's settings, for a person: status, check, deploy, undo. It has the environment of the services, so that
  # what holds by hand holds for them. In a home they inherit what the user's session has, and so does this.
  command = pkgs.writeShellScriptBin "nixfleet-agent" ''
    ${lib.optionalString (platform != "home-manager") "unset ${toString foreign}\n"}${exports (daemon // runner // process // { NIXFLEET_TOKEN_FILE = cfg.tokenFile; })}
    exec ${cfg.package}/bin/nixfleet-agent "$@"
  '';

  exports =
    variables:
    let
      quoted =
        value:
        let
          rest = inSession value;
        in
        if rest == null then lib.escapeShellArg value else sessionDirectory.shell + lib.escapeShellArg rest;
    in
    concatStringsSep "\n" (lib.mapAttrsToList (name: value: "export ${name}=${quoted value}") variables);

  # systemd reads % in a value as the beginning of a specifier; %t is the directory of the user's session (systemd.unit(5)).
  forSystemd = builtins.mapAttrs (
    _: value:
    let
      rest = inSession value;
      escaped = builtins.replaceStrings [ "%" ] [ "%%" ] (if rest == null then value else rest);
    in
    if rest == null then escaped else "%t${escaped}"
  );

  assertions =
    secretAssertions "tokenFile" cfg.tokenFile
    ++ secretAssertions "sshKeyFile" cfg.sshKeyFile
    ++ secretAssertions "gitCredentialsFile" cfg.gitCredentialsFile
    ++ [
      {
        assertion = builtins.match "(https?|wss?)://[^/@?#[:space:]]+(/[^?#[:space:]]*)?" cfg.url != null;
        message = "services.nixfleet-agent.url: an address that begins with https://, http://, wss:// or ws:// is expected, without user name, query or fragment.";
      }
      {
        assertion = builtins.match "([A-Za-z0-9_.+@-]+(/[A-Za-z0-9_.+@-]+)*)?" cfg.flakeDir != null
          && builtins.match "(.*/)?(\\.\\.?|\\.git)(/.*)?" cfg.flakeDir == null;
        message = "services.nixfleet-agent.flakeDir is ${cfg.flakeDir}: the path of a folder within the repository is expected, such as nix or hosts/nix.";
      }
      {
        assertion = unknownOps == [ ];
        message = "services.nixfleet-agent.allowedOps names ${concatStringsSep ", " unknownOps}: the ops are ${concatStringsSep ", " knownOps}.";
      }
      {
        assertion = cfg.allowedOps != [ ];
        message = "services.nixfleet-agent.allowedOps is empty: a host that does nothing at all needs no agent. \"refresh\" is the least.";
      }
      {
        assertion = cfg.signing.required -> cfg.signing.allowedSigners != [ ] || cfg.signing.openpgpKeys != [ ];
        message = "services.nixfleet-agent.signing.required is set, and neither allowedSigners nor openpgpKeys names a key: nothing could ever be deployed.";
      }
    ]
    ++ lib.concatLists (lib.imap0 healthAssertions cfg.healthChecks);
}
