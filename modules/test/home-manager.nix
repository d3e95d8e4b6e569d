# What Home Manager does with the options that our module sets: modules/systemd.nix, modules/launchd and modules/files.nix of
# Home Manager.
{ lib, pkgs }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  systemd = import ./systemd.nix { inherit lib; };
  plist = import ./plist.nix { inherit lib; };

  value = types.oneOf [
    types.bool
    types.int
    types.str
  ];
  units = option (types.attrsOf (types.attrsOf (types.attrsOf (types.either value (types.listOf value))))) { };
  unit =
    sections:
    systemd.unit (
      lib.mapAttrsToList (name: body: {
        inherit name;
        body = systemd.lines body;
      }) sections
    );
  home = if pkgs.stdenv.hostPlatform.isDarwin then "/Users/ada" else "/home/ada";
in
{
  module = {
    imports = [ ../home-manager.nix ];
    options = {
      assertions = option (types.listOf types.raw) [ ];
      home.packages = option (types.listOf types.package) [ ];
      home.profileDirectory = option types.path "${home}/.nix-profile";
      home.activation = option (types.attrsOf types.raw) { };
      xdg.stateHome = option types.path "${home}/.local/state";
      xdg.configHome = option types.path "${home}/.config";
      xdg.configFile = option (types.attrsOf (types.submodule { options.source = option types.path null; })) { };
      nix.package = option (types.nullOr types.package) null;
      systemd.user.services = units;
      systemd.user.paths = units;
      launchd.agents = option (types.attrsOf (
        types.submodule {
          options.enable = option types.bool false;
          options.config = option (types.submodule { options = import ./launchd-options.nix { inherit lib; }; }) { };
        }
      )) { };
    };
  };

  render =
    config:
    let
      named = suffix: set: lib.mapAttrsToList (name: sections: { name = "${name}.${suffix}"; value = unit sections; }) set;
    in
    {
      files = builtins.listToAttrs (
        named "service" config.systemd.user.services
        ++ named "path" config.systemd.user.paths
        ++ lib.mapAttrsToList (_: { config, ... }: {
          name = "${config.Label}.plist";
          value = plist config;
        }) config.launchd.agents
      );
      also = {
        inherit (config.home) activation;
        configFiles = builtins.mapAttrs (_: { source, ... }: toString source) config.xdg.configFile;
        commands = map toString config.home.packages;
      };
    };
}
