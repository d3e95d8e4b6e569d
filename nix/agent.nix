# The agent: daemon, runner and command line in one bundled file, with the programs that it calls.
{
  lib,
  stdenv,
  callPackage,
  gitMinimal,
  openssh,
  util-linux,
  commit ? null,
}:
callPackage ./program.nix { } {
  name = "agent";
  inherit commit;
  path = [
    gitMinimal
    openssh
  ]
  # setsid(1), for what must outlive the process that starts it.
  ++ lib.optional stdenv.hostPlatform.isLinux util-linux;
  description = "Keeps a host in touch with its fleet's dashboard, and switches it on request";
  platforms = lib.platforms.linux ++ lib.platforms.darwin;
}
