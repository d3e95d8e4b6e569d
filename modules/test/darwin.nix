# What nix-darwin does with the options that our module sets: modules/launchd, modules/users and modules/system of nix-darwin.
{ lib, pkgs }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  plist = import ./plist.nix { inherit lib; };
  account = types.submodule {
    options = {
      uid = option types.int 0;
      gid = option types.int 0;
      home = option (types.nullOr types.path) null;
      isHidden = option types.bool false;
      description = option types.str "";
    };
  };
in
{
  module = {
    imports = [ ../darwin.nix ];
    options = {
      assertions = option (types.listOf types.raw) [ ];
      environment.systemPackages = option (types.listOf types.package) [ ];
      environment.etc = option (types.attrsOf (types.submodule { options.source = option types.path null; })) { };
      nix.enable = option types.bool true;
      nix.package = option types.package pkgs.nix;
      users.knownUsers = option (types.listOf types.str) [ ];
      users.knownGroups = option (types.listOf types.str) [ ];
      users.users = option (types.attrsOf account) { };
      users.groups = option (types.attrsOf account) { };
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
      inherit (config.users)
        knownUsers
        knownGroups
        users
        groups
        ;
      etc = builtins.mapAttrs (_: { source, ... }: toString source) config.environment.etc;
      activation = builtins.mapAttrs (_: { text, ... }: text) config.system.activationScripts;
      commands = map toString config.environment.systemPackages;
    };
  };
}
