# What flake.nix gives, of what <hosts>/<name>/host.json says.
{
  self,
  hostsDirectory,
}:
let
  fleet = builtins.fromJSON (builtins.readFile ./fleet.json);
  node = "/usr/local/bin/node";
  build =
    name: script: env:
    derivation (
      env
      // {
        inherit name;
        inherit (fleet) system;
        builder = node;
        args = [ script ];
        PATH = "/usr/bin:/bin";
      }
    );

  # The node of the root file system under a name in the store: copied, it would be a hundred megabytes in each host's store.
  nodejs = build "nodejs-slim-24" ./build-link.mts {
    target = node;
    link = "bin/node";
  };
  agentOf =
    host:
    if host.agent == null then
      ""
    else
      build "nixfleet-agent-${host.agent.version}" ./build-agent.mts {
        inherit nodejs;
        inherit (host.agent) version;
        bundle = ./agents + "/${host.agent.bundle}";
      };
  packagesOf =
    host:
    map (
      name:
      build "${name}-${host.packages.${name}.version}" ./build-package.mts {
        inherit (host.packages.${name}) version seconds lines;
        pname = name;
        fails = if host.packages.${name}.fails then "yes" else "";
      }
    ) (builtins.attrNames host.packages)
    ++ (if builtins.elem "build" host.gates then [ (gate "build" host) ] else [ ]);
  gate = name: host: build "gate-${name}-${host.release}" ./build-gate.mts { gate = name; };
  # Import from derivation: the evaluation itself waits for a build.
  evaluated =
    host: value:
    if builtins.elem "evaluate" host.gates then builtins.seq (builtins.readFile "${gate "evaluate" host}/passed") value else value;
  bootFile =
    name: version:
    build "${name}-${version}" ./build-file.mts {
      inherit version;
      file = name;
    };

  specialisationsOf =
    host: make:
    map (name: "${name}=${make (host // host.specialisations.${name} // { specialisations = { }; })}") (
      builtins.attrNames host.specialisations
    );

  nixos = name: host: {
    config.system.build.toplevel = evaluated host (build "nixos-system-${name}-${host.release}" ./build-system.mts {
      hostName = name;
      host = builtins.toJSON host;
      revision = self.rev or "";
      agent = agentOf host;
      packages = packagesOf host;
      kernel = bootFile "linux" host.kernel;
      initrd = bootFile "initrd" host.initrd;
      kernelModules = bootFile "kernel-modules" host.kernelModules;
      specialisations = specialisationsOf host (special: (nixos name special).config.system.build.toplevel);
      switch = ./switch;
    });
  };
  home = host: {
    activationPackage = build "home-manager-generation" ./build-home.mts {
      host = builtins.toJSON host;
      agent = agentOf host;
      packages = packagesOf host;
      specialisations = specialisationsOf host (special: (home special).activationPackage);
      activate = ./activate-home.sh;
      files = build "home-manager-files" ./build-home-files.mts {
        host = builtins.toJSON host;
        agent = agentOf host;
      };
    };
  };

  hosts = builtins.listToAttrs (
    map (name: {
      inherit name;
      value = builtins.fromJSON (builtins.readFile (hostsDirectory + "/${name}/host.json"));
    }) (builtins.filter (name: entries.${name} == "directory") (builtins.attrNames entries))
  );
  entries = builtins.readDir hostsDirectory;
  named =
    platform: attribute: make:
    builtins.listToAttrs (
      map (name: {
        name = attribute name;
        value = make name hosts.${name};
      }) (builtins.filter (name: hosts.${name}.platform == platform) (builtins.attrNames hosts))
    );
in
{
  nixosConfigurations = named "nixos" (name: name) nixos;
  homeConfigurations = named "home-manager" (name: "${hosts.${name}.user}@${name}") (_: home);
}
