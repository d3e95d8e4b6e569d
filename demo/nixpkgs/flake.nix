{
  description = "A package set small enough to build while one watches";

  outputs = { self }: {
    lib = import ./lib.nix {
      system = "@system@";
      versions = builtins.fromJSON (builtins.readFile ./versions.json);
      release = builtins.readFile ./release;
      nixpkgs = self;
    };
  };
}
