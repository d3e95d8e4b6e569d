# The configurations of a lab's hosts: closures as NixOS and Home Manager make them, of what hosts/<name>/host.json says, built
# by scripts that need nothing but the Node and the shell of the host's root file system. It evaluates and builds offline.
{
  description = "The hosts of a lab";

  outputs =
    { self }:
    import ./fleet.nix {
      inherit self;
      hostsDirectory = ./hosts;
    };
}
