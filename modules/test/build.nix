# Builds a program of nix/ as nixpkgs would, phase by phase, with the tools of this machine: called by package-build.test.ts.
{
  # "agent" or "dashboard".
  program,
  # The folder in which Node is `bin/node`.
  node,
  # Tarballs of npm packages, each named by the SHA-256 of its address.
  tarballs,
  commit,
  path,
}:
let
  base = import ./lib.nix;
  inherit (builtins)
    concatMap

    elem
    foldl'
    ;
  lib = base // {
    inherit concatMap;
    importJSON = file: builtins.fromJSON (builtins.readFile file);
    unique = foldl' (seen: item: if elem item seen then seen else seen ++ [ item ]) [ ];
    escapeShellArgs = base.concatMapStringsSep " " base.escapeShellArg;
    makeLibraryPath = _: "";
    licenses.asl20 = { };
    platforms = {
      linux = [ ];
      darwin = [ ];
    };
    fileset = {
      unions = list: list;
      toSource =
        { root, fileset }:
        builtins.path {
          name = "source";
          path = root;
          filter =
            file: _:
            builtins.any (wanted: base.hasPrefix "${file}/" "${toString wanted}/" || base.hasPrefix "${toString wanted}/" "${file}/") fileset
            && !elem (baseNameOf file) [
              "node_modules"
              "dist"
            ];
        };
    };
  };

  phases = ''
    set -eu
    export HOME=$TMPDIR
    runHook() { :; }
    # As makeWrapper of nixpkgs, for what is asked of it here.
    makeWrapper() {
      program=$1 wrapper=$2; shift 2
      mkdir -p "$(dirname "$wrapper")"
      { echo "#!/bin/sh"
        while [ $# -gt 0 ]; do case $1 in
          --add-flags) flags=$2; shift 2 ;;
          --prefix) echo "export $2=\"$4\''${$2:+$3\$$2}\""; shift 4 ;;
          --set-default) echo "export $2=\"\''${$2-$3}\""; shift 3 ;;
          *) exit 1 ;;
        esac; done
        echo "exec $program $flags \"\$@\""
      } > "$wrapper"
      chmod +x "$wrapper"
    }
    cp -r "$src" source; chmod -R u+w source; cd source
    eval "$configurePhase"; eval "$buildPhase"; eval "$installPhase"
    test -z "$doInstallCheck" || eval "$installCheckPhase"
  '';

  stdenv = {
    hostPlatform = {
      isLinux = true;
      isDarwin = false;
      isAarch64 = builtins.currentSystem == "aarch64-linux";
    };
    cc.cc.lib = "";
    mkDerivation =
      attributes:
      derivation (
        builtins.removeAttrs attributes [
          "env"
          "passthru"
          "meta"
          "nativeBuildInputs"
        ]
        // attributes.env
        // {
          name = "${attributes.pname}-${attributes.version}";
          system = builtins.currentSystem;
          builder = "/bin/sh";
          args = [
            "-c"
            phases
          ];
          PATH = "${node}/bin:${path}";
        }
      )
      // attributes.passthru;
  };

  pkgs = {
    inherit lib stdenv callPackage;
    fetchurl =
      { url, hash }:
      assert base.hasPrefix "sha512-" hash;
      "${tarballs}/${builtins.hashString "sha256" url}.tgz";
    makeWrapper = null;
    nodejs-slim_24 = node;
    gitMinimal = "/usr";
    openssh = "/usr";
    util-linux = "/usr";
  };
  callPackage =
    file: arguments:
    let
      function = import file;
    in
    function (builtins.intersectAttrs (builtins.functionArgs function) pkgs // arguments);
in
callPackage (../../nix + "/${program}.nix") { inherit commit; }
