# A property list in XML, as plist(5) has it, from a value of the Nix language.
{ lib }:
let
  escape = builtins.replaceStrings [ "&" "<" ">" ] [ "&amp;" "&lt;" "&gt;" ];
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
  <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
  <plist version="1.0">
  ${render "" value}
  </plist>
''
