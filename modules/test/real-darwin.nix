# Our module within nix-darwin's own list of modules and nixpkgs' own `lib`: what the fixtures here (darwin.nix, launchd-options.nix,
# lib.nix) are held against. No package is built, so none needs to be there. With clones of nix-darwin/nix-darwin and of
# nix-community/nixpkgs.lib, and a Nix that this `lib` takes (2.18 or later):
#
#   nix-instantiate --eval --strict --json modules/test/real-darwin.nix \
#     --argstr nixDarwin PATH --argstr nixpkgsLib PATH/lib --argstr system aarch64-darwin
#
# Held against nix-darwin a1fa429 (18 June 2026) and nixpkgs.lib de42d44 (14 June 2026) with Nix 2.34.8: decision 0066.
{
  nixDarwin,
  nixpkgsLib,
  system ? "aarch64-darwin",
  # Values of `services.nixfleet-agent`, and of the host's other options, as JSON.
  settings ? "{}",
  host ? "{}",
}:
let
  lib = import nixpkgsLib;
  ours = import ./pkgs.nix { isDarwin = true; };
  package = name: {
    type = "derivation";
    inherit name;
    pname = name;
    version = "1";
    meta = { };
    out = package name;
    outPath = "/nix/store/${builtins.substring 0 32 (builtins.hashString "sha256" name)}-${name}";
    override = _: package name;
  };
  made = name: _: package name;
  pkgs =
    lib.genAttrs [
      "bash"
      "bashInteractive"
      "cacert"
      "fish"
      "jq"
      "less"
      "nano"
      "ncurses"
      "rsync"
      "shellcheck"
      "texinfoInteractive"
      "zsh"
    ] package
    // ours
    // {
      inherit lib;
      nix = package "nix" // {
        version = "2.34.8";
      };
      stdenv = {
        hostPlatform = lib.systems.elaborate system;
        shell = "${package "bash"}/bin/bash";
        isDarwin = true;
      };
      stdenvNoCC.mkDerivation = attributes: package attributes.name;
      # Of nix-darwin its tools, of ours the agent.
      callPackage =
        _: _:
        package "nixfleet-agent" // lib.genAttrs [ "darwin-option" "darwin-rebuild" "darwin-version" ] package;
      formats.json = _: { generate = made; };
      buildEnv = { name, ... }: package name;
      closureInfo = _: package "closure-info";
      runCommand = name: _: _: package name;
      writeScript = ours.writeText;
      writeScriptBin = made;
      writeTextFile = { name, ... }: package name;
    };
  evaluated = import (nixDarwin + "/eval-config.nix") {
    inherit lib;
    modules = [
      # Twice, and by two ways, as several modules of a configuration may import it.
      ../darwin.nix
      { imports = [ ../darwin.nix ]; }
      {
        _module.args.pkgs = lib.mkForce pkgs;
        nixpkgs.hostPlatform = system;
        documentation.enable = false;
        system.stateVersion = 7;
        system.checks.verifyNixPath = false;
        services.nixfleet-agent = {
          enable = true;
          url = "https://fleet.example.org";
          tokenFile = "/run/agenix/nixfleet-token";
          repoUrl = "ssh://git@git.example.org/config.git";
        }
        // builtins.fromJSON settings;
      }
      (builtins.fromJSON host)
    ];
  };
  inherit (evaluated) config;
in
{
  failed = map ({ message, ... }: message) (
    builtins.filter ({ assertion, ... }: !assertion) config.assertions
  );
  inherit (config) warnings;
  # The text of `activate`, of each job, and of what the runner's job starts.
  activate = config.system.activationScripts.script.text;
  jobs = builtins.mapAttrs (_: { text, ... }: text) config.environment.launchDaemons;
  runner = builtins.readFile config.environment.etc."nixfleet-agent/runner".source;
  user = config.users.users.${config.services.nixfleet-agent.user};
}
