# What nix-darwin does with the options that our module sets: modules/launchd, modules/users, modules/networking, modules/security/pki
# and modules/system of nix-darwin. Held against a1fa429 (18 June 2026) with real-darwin.nix, which says how to do so again: the
# options with their types and defaults are those, and the jobs were the same to the byte.
{ lib, pkgs }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  plist = import ./plist.nix { inherit lib; };
  user = types.submodule {
    options = {
      uid = mkOption { type = types.int; };
      gid = option types.int 20;
      home = option (types.nullOr types.path) null;
      isHidden = option types.bool true;
      description = option (types.nullOr types.str) null;
    };
  };
  group = types.submodule {
    options = {
      gid = mkOption { type = types.int; };
      description = option types.str "";
    };
  };
  # The ids of those whom nix-darwin makes: two with one id do not evaluate.
  idsOf =
    id: known: accounts:
    map (name: { ${toString accounts.${name}.${id}} = name; }) (
      builtins.filter (name: accounts ? ${name}) known
    );
  made =
    ids: accounts:
    builtins.listToAttrs (
      lib.mapAttrsToList (_: name: {
        inherit name;
        value = accounts.${name};
      }) ids
    );
in
{
  module = { config, ... }: {
    imports = [ ../darwin.nix ];
    config.users.uids = lib.mkMerge (idsOf "uid" config.users.knownUsers config.users.users);
    config.users.gids = lib.mkMerge (idsOf "gid" config.users.knownGroups config.users.groups);
    options = {
      assertions = option (types.listOf types.raw) [ ];
      environment.systemPackages = option (types.listOf types.package) [ ];
      environment.etc = option (types.attrsOf (types.submodule { options.source = option types.path null; })) { };
      nix.enable = option types.bool true;
      nix.package = option types.package pkgs.nix;
      users.knownUsers = option (types.listOf types.str) [ ];
      users.knownGroups = option (types.listOf types.str) [ ];
      users.users = option (types.attrsOf user) { };
      users.groups = option (types.attrsOf group) { };
      users.uids = option (types.attrsOf types.str) { };
      users.gids = option (types.attrsOf types.str) { };
      networking.localHostName = option (types.nullOr types.str) null;
      security.pki.installCACerts = option types.bool true;
      security.pki.certificates = option (types.listOf types.str) [ ];
      security.pki.certificateFiles = option (types.listOf types.path) [ ];
      system.activationScripts = option (types.attrsOf (
        types.submodule { options.text = option types.lines ""; }
      )) { };
      launchd.daemons = option (types.attrsOf (
        types.submodule {
          options.serviceConfig = option (types.submodule {
            options = import ./launchd-options.nix { inherit lib; };
          }) { };
        }
      )) { };
    };
  };

  render = config: {
    files = builtins.listToAttrs (
      lib.mapAttrsToList (_: { serviceConfig, ... }: {
        name = "${serviceConfig.Label}.plist";
        value = plist serviceConfig;
      }) config.launchd.daemons
    );
    also = {
      inherit (config.users) knownUsers knownGroups;
      users = made config.users.uids config.users.users;
      groups = made config.users.gids config.users.groups;
      etc = builtins.mapAttrs (_: { source, ... }: toString source) config.environment.etc;
      activation = builtins.mapAttrs (_: { text, ... }: text) config.system.activationScripts;
      commands = map toString config.environment.systemPackages;
    };
  };
}
