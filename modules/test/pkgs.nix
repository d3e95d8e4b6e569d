# Packages as paths, and files that really are made, so that a test can read what a unit or a job names.
{
  # The path that a package claims; null: a store path of its own.
  packagesAt ? null,
  isDarwin,
}:
let
  package = name: {
    type = "derivation";
    inherit name;
    outPath = if packagesAt == null then "/nix/store/${builtins.substring 0 32 (builtins.hashString "sha256" name)}-${name}" else packagesAt;
  };
  file = name: text: builtins.toFile name text;
  runtimeShell = if isDarwin || packagesAt != null then "/bin/sh" else "${package "bash"}/bin/bash";
  script = name: text: file name "#!${runtimeShell}\n${text}";
in
builtins.listToAttrs (
  map
    (name: {
      inherit name;
      value = package name;
    })
    [
      "coreutils"
      "findutils"
      "gitMinimal"
      "gnugrep"
      "gnupg"
      "gnused"
      "nix"
      "openssh"
      "systemd"
    ]
)
// {
  inherit runtimeShell;
  stdenv.hostPlatform = {
    inherit isDarwin;
    isLinux = !isDarwin;
  };
  callPackage = _: _: package "nixfleet-agent";
  writeText = file;
  writeShellScript = script;
  writeShellScriptBin = name: text: {
    type = "derivation";
    inherit name;
    outPath = script name text;
  };
}
