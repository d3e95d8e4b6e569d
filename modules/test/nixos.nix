# What NixOS does with the options that our module sets: nixos/modules/system/boot/systemd.nix and nixos/lib/systemd-lib.nix of
# nixpkgs, as far as these units go. The manual, "Options", says what each means. The defaults of security.pki are those of
# nixos/modules/security/ca.nix there (0042e04, 2023: both lists are empty, and the usual authorities in neither), networking.proxy.envVars
# is as nixos/modules/config/networking.nix has it (0156f94): look these files up again when the module asks for more of them.
{ lib, pkgs }:
let
  inherit (lib) mkOption types;
  systemd = import ./systemd.nix { inherit lib; };

  option = type: default: mkOption { inherit type default; };
  value = types.oneOf [
    types.bool
    types.int
    types.str
  ];
  section = types.attrsOf (types.either value (types.listOf value));
  names = option (types.listOf types.str) [ ];

  unitOptions = {
    description = option types.str "";
    wantedBy = names;
    wants = names;
    after = names;
    before = names;
    unitConfig = option section { };
  };
  serviceOptions = unitOptions // {
    path = option (types.listOf (types.either types.package types.str)) [ ];
    environment = option (types.attrsOf (types.nullOr types.str)) { };
    serviceConfig = option section { };
    restartIfChanged = option types.bool true;
    stopIfChanged = option types.bool true;
    startLimitIntervalSec = option (types.nullOr types.int) null;
  };

  spaced = name: list: lib.optionalAttrs (list != [ ]) { ${name} = toString list; };
  unitSection =
    unit:
    spaced "Wants" unit.wants
    // spaced "After" unit.after
    // spaced "Before" unit.before
    // lib.optionalAttrs (unit.description != "") { Description = unit.description; }
    // lib.optionalAttrs ((unit.startLimitIntervalSec or null) != null) {
      StartLimitIntervalSec = unit.startLimitIntervalSec;
    }
    // unit.unitConfig;
  install = unit: {
    name = "Install";
    body = lib.optional (unit.wantedBy != [ ]) "WantedBy=${toString unit.wantedBy}";
  };
  # Every service of NixOS has these.
  usualPath = [
    pkgs.coreutils
    pkgs.findutils
    pkgs.gnugrep
    pkgs.gnused
    pkgs.systemd
  ];
  pathOf =
    packages: lib.concatMapStringsSep ":" (directory: lib.concatMapStringsSep ":" (package: "${package}/${directory}") packages) [ "bin" "sbin" ];

  service =
    unit:
    systemd.unit [
      {
        name = "Unit";
        body = systemd.lines (unitSection unit);
      }
      {
        name = "Service";
        body =
          lib.mapAttrsToList (name: value: "Environment=${builtins.toJSON "${name}=${value}"}") (
            lib.filterAttrs (_: value: value != null) (
              unit.environment
            )
          )
          ++ lib.optional (!unit.restartIfChanged) "X-RestartIfChanged=false"
          ++ lib.optional (!unit.stopIfChanged) "X-StopIfChanged=false"
          ++ systemd.lines unit.serviceConfig;
      }
      (install unit)
    ];
  path =
    unit:
    systemd.unit [
      {
        name = "Unit";
        body = systemd.lines (unitSection unit);
      }
      {
        name = "Path";
        body = systemd.lines unit.pathConfig;
      }
      (install unit)
    ];
in
{
  module = {
    imports = [ ../nixos.nix ];
    options = {
      assertions = option (types.listOf types.raw) [ ];
      environment.systemPackages = option (types.listOf types.package) [ ];
      nix.package = option types.package pkgs.nix;
      networking.proxy.envVars = option (types.attrsOf types.str) { };
      security.pki.installCACerts = option types.bool true;
      security.pki.certificates = option (types.listOf types.str) [ ];
      security.pki.certificateFiles = option (types.listOf types.path) [ ];
      users.users = option (types.attrsOf (
        types.submodule {
          options = {
            isSystemUser = option types.bool false;
            group = option types.str "";
            uid = option (types.nullOr types.int) null;
            home = option types.str "/var/empty";
            description = option types.str "";
          };
        }
      )) { };
      users.groups = option (types.attrsOf (
        types.submodule { options.gid = option (types.nullOr types.int) null; }
      )) { };
      systemd.tmpfiles.rules = names;
      systemd.services = option (types.attrsOf (
        types.submodule (
          { config, ... }:
          {
            options = serviceOptions;
            config.environment.PATH = pathOf (config.path ++ usualPath);
          }
        )
      )) { };
      systemd.paths = option (types.attrsOf (
        types.submodule { options = unitOptions // { pathConfig = option section { }; }; }
      )) { };
    };
  };

  # The unit files by name, and what else the system is told.
  render =
    config:
    let
      named = suffix: render: set: lib.mapAttrsToList (name: unit: { name = "${name}.${suffix}"; value = render unit; }) set;
    in
    {
      files = builtins.listToAttrs (
        named "service" service config.systemd.services ++ named "path" path config.systemd.paths
      );
      also = {
        inherit (config.users) users groups;
        tmpfiles = config.systemd.tmpfiles.rules;
        commands = map toString config.environment.systemPackages;
      };
    };
}
