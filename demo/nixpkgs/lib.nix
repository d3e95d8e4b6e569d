# Packages, systems and homes as plain derivations: what nixpkgs, NixOS and Home Manager are to real machines.
# Nothing is fetched: each builder is a shell script next to this file.
{
  system,
  versions,
  release,
  nixpkgs,
}:
let
  build =
    name: builder: env:
    derivation (
      env
      // {
        inherit name system;
        builder = "/bin/sh";
        args = [ "-e" builder ];
        PATH = "/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/bin:/bin";
      }
    );

  # Every package of versions.json. One that another needs is built before it, and stays in its closure.
  packages = builtins.mapAttrs (
    pname: package:
    build "${pname}-${package.version}" ./build-package.sh {
      inherit pname;
      inherit (package) version;
      kib = toString package.kib;
      pause = toString (package.seconds / 10.0);
      broken = if package.broken or false then "yes" else "";
      needs = map (name: packages.${name}) package.needs;
      quickly = "@quickly@";
    }
  ) versions;

  chosen = host: map (name: packages.${name}) host.packages;

  # A host, and what each of its specialisations changes, which has none of its own.
  toplevel =
    label: self: name: host:
    let
      units = builtins.attrNames host.units;
      special = host.specialisations or { };
      closureOf =
        specialisation: toplevel label self name (host // special.${specialisation} // { specialisations = { }; });
    in
    build "nixos-system-${name}-${label}" ./build-system.sh {
      inherit label release;
      hostName = name;
      packages = chosen host;
      kernel = packages.linux;
      unitNames = units;
      unitPackages = map (unit: packages.${host.units.${unit}}) units;
      failingUnit = host.failingUnit;
      motd = host.motd;
      rootKeys = builtins.concatStringsSep "\n" (host.rootKeys or [ ]);
      specialisations = map (each: "${each}=${closureOf each}") (builtins.attrNames special);
      revision = self.rev or "";
      nixpkgsRevision = nixpkgs.rev;
      quickly = "@quickly@";
    };
in
{
  inherit packages;

  nixosSystem =
    {
      self,
      name,
      host,
    }:
    let
      label = "${release}.${builtins.substring 0 8 nixpkgs.lastModifiedDate}.${nixpkgs.shortRev}";
    in
    {
      config.system.build.toplevel = toplevel label self name host;
    };

  homeManagerConfiguration =
    { name, host }:
    {
      activationPackage = build "home-manager-generation" ./build-home.sh {
        packages = chosen host;
        user = name;
        inherit release;
        motd = host.motd;
        failingFile = host.failingFile;
        quickly = "@quickly@";
      };
    };
}
