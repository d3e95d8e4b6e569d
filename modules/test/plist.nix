# A property list in XML, from a value of the Nix language, as `lib.generators.toPlist { escape = true; }` of nixpkgs writes it: held
# against nixpkgs.lib de42d44 (14 June 2026) with real-darwin.nix.
{ lib }:
let
  escape = builtins.replaceStrings [ "\"" "'" "<" ">" "&" ] [ "&quot;" "&apos;" "&lt;" "&gt;" "&amp;" ];
  render =
    indent: value:
    let
      inner = indent + "\t";
      block = tag: lines: "${indent}<${tag}>\n${lib.concatStringsSep "\n" lines}\n${indent}</${tag}>";
    in
    if builtins.isBool value then
      "${indent}<${if value then "true" else "false"}/>"
    else if builtins.isInt value then
      "${indent}<integer>${toString value}</integer>"
    else if builtins.isList value then
      block "array" (map (render inner) value)
    else if builtins.isAttrs value then
      block "dict" (
        lib.mapAttrsToList (key: item: "${inner}<key>${escape key}</key>\n${render inner item}") (
          lib.filterAttrs (_: item: item != null) value
        )
      )
    else
      "${indent}<string>${escape value}</string>";
in
value: ''
  <?xml version="1.0" encoding="UTF-8"?>
  <!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
  <plist version="1.0">
  ${render "" value}
  </plist>
''
