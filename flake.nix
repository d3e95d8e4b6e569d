{
  description = "NixFleet: shows whether a fleet's machines run what they should, and makes them do so";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      eachSystem = function: lib.genAttrs systems (system: function system nixpkgs.legacyPackages.${system});

      # What the programs tell of: the commit of these sources, marked where they had changed.
      commit = self.rev or self.dirtyRev or null;
      packagesFor =
        pkgs:
        {
          nixfleet-agent = pkgs.callPackage ./nix/agent.nix { inherit commit; };
        }
        // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
          nixfleet-dashboard = pkgs.callPackage ./nix/dashboard.nix { inherit commit; };
        };

      # A module with this flake's own agent, so that the flake's lock file says which agent a host runs. Without a key, a function is
      # another module each time that it is imported, and its definitions collide.
      withAgent =
        module:
        { lib, pkgs, ... }:
        {
          key = "nixfleet-agent:${toString module}";
          imports = [ module ];
          services.nixfleet-agent.package =
            lib.mkDefault
              self.packages.${pkgs.stdenv.hostPlatform.system}.nixfleet-agent;
        };
      modulesFor = module: rec {
        nixfleet-agent = withAgent module;
        default = nixfleet-agent;
      };
    in
    {
      nixosModules = modulesFor ./modules/nixos.nix;
      darwinModules = modulesFor ./modules/darwin.nix;
      homeModules = modulesFor ./modules/home-manager.nix;
      # Their name before flake-parts and Home Manager agreed on the other.
      homeManagerModules = self.homeModules;

      packages = eachSystem (
        system: pkgs:
        packagesFor pkgs
        // {
          default = self.packages.${system}.nixfleet-agent;
        }
      );

      overlays.default = final: _: packagesFor final;

      devShells = eachSystem (
        _: pkgs: {
          default = pkgs.mkShellNoCC {
            packages = [
              pkgs.git
              pkgs.gnumake
              pkgs.nodejs_24
              pkgs.openssh
            ];
          };
        }
      );

      # The packages, and the NixOS module in a real NixOS.
      checks = eachSystem (
        system: pkgs:
        removeAttrs self.packages.${system} [ "default" ]
        // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
          nixos-module =
            (lib.nixosSystem {
              inherit system;
              modules = [
                self.nixosModules.default
                {
                  boot.isContainer = true;
                  system.stateVersion = lib.trivial.release;
                  services.nixfleet-agent = {
                    enable = true;
                    url = "https://fleet.example.org";
                    tokenFile = "/run/agenix/nixfleet-token";
                    repoUrl = "ssh://git@git.example.org/config.git";
                  };
                }
              ];
            }).config.system.build.etc;
        }
      );
    };
}
