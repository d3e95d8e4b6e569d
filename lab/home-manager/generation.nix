# An activation package of the real Home Manager, any version since 24.11, for holding what plays it against it: docs/decisions/0064.
{
  # A checkout of github.com/nix-community/home-manager.
  homeManager,
  # See packages.nix.
  nixpkgs,
  # A module of Home Manager.
  configuration,
  user ? "alice",
}:
let
  lib = import (nixpkgs + "/lib");
  pkgs = import ./packages.nix {
    inherit lib;
    path = nixpkgs;
  };
  evaluate = import (homeManager + "/modules");
in
(evaluate (
  {
    inherit pkgs lib;
    # A minimal set has options that name others which it lacks.
    check = false;
    configuration =
      { lib, ... }:
      {
        imports = [ configuration ];
        home.username = user;
        home.homeDirectory = "/home/${user}";
        home.stateVersion = "24.11";
        home.enableNixpkgsReleaseCheck = false;
        manual.manpages.enable = false;
        news.display = "silent";
        xdg.mime.enable = false;
        systemd.user.systemctlPath = "/usr/bin/systemctl";
        _module.args.pkgs = lib.mkForce pkgs;
      };
  }
  // lib.optionalAttrs (builtins.functionArgs evaluate ? minimal) { minimal = true; }
)).activationPackage
