# What the options are, as plain data: for docs/options.md.
{
  lib ? import ./test/lib.nix,
}:
let
  pkgs = {
    callPackage = _: _: throw "a default that is told by its text";
  };
  inherit ((import ./options.nix { inherit lib pkgs; }).options.services) nixfleet-agent;

  textOf = value: if value._type or null == "literalExpression" then { expression = value.text; } else { inherit value; };

  optionsOf =
    path: tree:
    builtins.concatLists (
      lib.mapAttrsToList (
        name: node:
        if node._type or null == "option" then
          [
            (
              {
                name = lib.concatStringsSep "." (path ++ [ name ]);
                type = node.type.description;
                description = node.description;
                # Its position in the file, so that the page has the order of the file.
                inherit (builtins.unsafeGetAttrPos name tree) line;
              }
              // lib.optionalAttrs (node ? default || node ? defaultText) {
                default = textOf (node.defaultText or node.default);
              }
              // lib.optionalAttrs (node ? example) { example = textOf node.example; }
            )
          ]
          ++ checkOptions (path ++ [ name ]) node.type
        else
          optionsOf (path ++ [ name ]) node
      ) tree
    );

  # Of a list of submodules, its options too.
  checkOptions =
    path: type:
    if (type.elementModule or null) != null then optionsOf (path ++ [ "*" ]) type.elementModule.options else [ ];
in
optionsOf [ "services" "nixfleet-agent" ] nixfleet-agent
