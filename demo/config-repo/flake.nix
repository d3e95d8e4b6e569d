{
  description = "The machines of a small fleet";

  inputs.nixpkgs.url = "git+file://@nixpkgs@?ref=main";

  outputs =
    { self, nixpkgs }:
    let
      host = name: builtins.fromJSON (builtins.readFile (./hosts + "/${name}/host.json"));
      nixos =
        name:
        nixpkgs.lib.nixosSystem {
          inherit self name;
          host = host name;
        };
    in
    {
      nixosConfigurations = {
        web1 = nixos "web1";
        db1 = nixos "db1";
      };

      homeConfigurations."ada@laptop" = nixpkgs.lib.homeManagerConfiguration {
        name = "ada";
        host = host "laptop";
      };
    };
}
