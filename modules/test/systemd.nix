# Units as NixOS and Home Manager write them.
{ lib }:
let
  inherit (lib) concatStringsSep mapAttrsToList;
  listOf = value: if builtins.isList value then value else [ value ];
  text = value: if builtins.isBool value then (if value then "true" else "false") else toString value;
  # One line for each item of a list, names in order, since that is the order of a set.
  lines = set: builtins.concatLists (mapAttrsToList (name: value: map (item: "${name}=${text item}") (listOf value)) set);
in
{
  inherit lines;
  # Sections in the order given, an empty line between them.
  unit =
    sections:
    concatStringsSep "\n\n" (
      map ({ name, body }: concatStringsSep "\n" ([ "[${name}]" ] ++ body)) (
        builtins.filter ({ body, ... }: body != [ ]) sections
      )
    )
    + "\n";
}
