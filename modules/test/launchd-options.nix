# Keys of a launchd job that the modules use, with the types that launchd.plist(5) gives them. nix-darwin's own list
# (modules/launchd/launchd.nix, a1fa429 of 18 June 2026) has all of them with these types; real-darwin.nix evaluates with it.
{ lib }:
let
  inherit (lib) mkOption types;
  key =
    type:
    mkOption {
      type = types.nullOr type;
      default = null;
    };
in
{
  Label = key types.str;
  ProgramArguments = key (types.listOf types.str);
  UserName = key types.str;
  GroupName = key types.str;
  RunAtLoad = key types.bool;
  KeepAlive = key (
    types.either types.bool (types.submodule { options.SuccessfulExit = key types.bool; })
  );
  ThrottleInterval = key types.int;
  AbandonProcessGroup = key types.bool;
  ProcessType = key (
    types.enum [
      "Background"
      "Standard"
      "Adaptive"
      "Interactive"
    ]
  );
  QueueDirectories = key (types.listOf types.str);
  WatchPaths = key (types.listOf types.path);
  SoftResourceLimits = key (types.submodule { options.NumberOfFiles = key types.int; });
  StandardErrorPath = key types.path;
}
