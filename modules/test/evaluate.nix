# One of the modules with the given settings: the files that it installs, and the sentences of the assertions that do not hold.
# Called by evaluate.ts, which gives both arguments as JSON.
{
  platform,
  # { settings, paths ? { }, host ? { }, isDarwin ? false, packagesAt ? null, home ? … }
  request,
  # Another `lib` with the same functions: that of nixpkgs.
  baseLib ? import ./lib.nix,
}:
let
  # Home Manager's own part of `lib`: where in the order of its activation a script is.
  lib = baseLib // {
    hm.dag.entryBetween = before: after: data: { inherit before after data; };
  };
  asked = builtins.fromJSON request;
  pkgs = import ./pkgs.nix {
    isDarwin = asked.isDarwin or (platform == "darwin");
    packagesAt = asked.packagesAt or null;
  };
  surroundings = import (./. + "/${platform}.nix") { inherit lib pkgs; };
  package = {
    type = "derivation";
    name = "nixfleet-agent";
    outPath = asked.package;
  };
  inherit
    (lib.evalModules {
      modules = [
        surroundings.module
        { services.nixfleet-agent = asked.settings // lib.optionalAttrs (asked ? package) { inherit package; }; }
        { services.nixfleet-agent = builtins.mapAttrs (_: path: /. + path) (asked.paths or { }); }
        (asked.host or { })
      ];
      specialArgs = { inherit pkgs lib; };
    })
    config
    ;
  failed = map ({ message, ... }: message) (builtins.filter ({ assertion, ... }: !assertion) config.assertions);
in
# As NixOS does: what an assertion forbids is not built.
if failed != [ ] then { inherit failed; } else { inherit failed; } // surroundings.render config
