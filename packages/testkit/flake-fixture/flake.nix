# The flake of a test's config repository: hosts.json says what it holds. It needs no nixpkgs, so it evaluates and builds offline.
{
  outputs =
    { self }:
    let
      data = builtins.fromJSON (builtins.readFile ./hosts.json);
      build =
        name: builder: env:
        derivation (
          env
          // {
            inherit name;
            inherit (data) system;
            builder = "/bin/sh";
            args = [ "-e" builder ];
            PATH = "/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/bin:/bin";
          }
        );
      flag = value: if value then "yes" else "";
      package =
        host: number:
        build "part${toString number}-${host.version}" ./build-package.sh {
          inherit number;
          inherit (host) linesPerPackage secondsPerPackage;
          fails = flag (host.failingPackage == number);
          before = if number == 1 then "" else package host (number - 1);
        };
      activation = host: {
        inherit (host) activationSeconds;
        failActivation = flag host.failActivation;
        parts = builtins.genList (i: package host (i + 1)) host.packages;
      };
      nixos = name: host: {
        config.system.build.toplevel = build "nixos-system-${name}-25.11" ./build-nixos.sh (
          activation host
          // {
            host = name;
            revision = self.rev or "";
            inherit (host) kernel agent bootEntrySeconds;
            etc = map (path: "${path}=${builtins.toFile (baseNameOf path) host.etc.${path}}") (builtins.attrNames host.etc);
            specialisations = map (
              special:
              "${special}=${
                (nixos name (
                  host
                  // {
                    version = host.specialisations.${special};
                    specialisations = { };
                    etc = host.specialisationEtc or host.etc;
                  }
                )).config.system.build.toplevel
              }"
            ) (builtins.attrNames host.specialisations);
            inhibitors = if host.inhibitors == { } then "" else builtins.toJSON host.inhibitors;
          }
        );
      };
      darwin = _: host: {
        system = build "darwin-system-25.11" ./build-darwin.sh (
          activation host
          // {
            inherit (host) version;
            failChecks = flag host.failChecks;
          }
        );
      };
      home = name: host: {
        activationPackage = build "home-manager-generation" ./build-home.sh (
          activation host
          // {
            inherit (host) homeManager;
            specialisations = map (
              special:
              "${special}=${
                (home name (
                  host
                  // {
                    version = host.specialisations.${special};
                    specialisations = { };
                    files = host.specialisationFiles or host.files;
                  }
                )).activationPackage
              }"
            ) (builtins.attrNames host.specialisations);
            activate = ./activate-home.sh;
            files = build "home-manager-files" ./build-home-files.sh {
              inherit (host) version;
              names = host.files;
            };
          }
        );
      };
      hosts =
        if data.evaluationError != "" then builtins.throw data.evaluationError else data.hosts;
      named =
        platform: make:
        builtins.listToAttrs (
          map (name: {
            inherit name;
            value = make name hosts.${name};
          }) (builtins.filter (name: hosts.${name}.platform == platform) (builtins.attrNames hosts))
        );
    in
    {
      nixosConfigurations = named "nixos" nixos;
      darwinConfigurations = named "darwin" darwin;
      homeConfigurations = named "home-manager" home;
    };
}
