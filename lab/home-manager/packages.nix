# A `pkgs` with which the real Home Manager evaluates and builds without nixpkgs: its packages are the programs of the Debian that it
# builds on. Only what Home Manager's minimal set of modules asks for is here; what an evaluation misses is added in the same way.
{
  lib,
  # A folder with `lib`, and with nixos/modules/misc/{assertions,meta}.nix as nixpkgs has them.
  path,
}:
let
  system = builtins.currentSystem or "x86_64-linux";

  setup = ''
    set -e
    export PATH=/usr/bin:/bin
    for input in ''${nativeBuildInputs:-}; do PATH="$input/bin:$PATH"; done
    substituteInPlace() {
      local file="$1"
      shift
      while [ $# -gt 0 ]; do
        case "$1" in
          --subst-var-by) sed -i "s|@$2@|$3|g" "$file" ;;
          *) sed -i "s|$2|$3|g" "$file" ;;
        esac
        shift 3
      done
    }
  '';

  build =
    name: env: text:
    let
      made = builtins.derivation (
        removeAttrs env [
          "meta"
          "preferLocalBuild"
        ]
        // {
          inherit name system;
          builder = "/bin/bash";
          args = [
            "-c"
            (setup + ''. "$buildCommandPath"'')
          ];
          buildCommand = text;
          passAsFile = (env.passAsFile or [ ]) ++ [ "buildCommand" ];
        }
      );
    in
    made
    // {
      pname = name;
      version = "1";
      meta = env.meta or { };
      override = _: made;
      overrideAttrs = _: made;
    };

  writeTextFile =
    {
      name,
      text,
      executable ? false,
      destination ? "",
      ...
    }:
    build name
      {
        inherit text;
        passAsFile = [ "text" ];
      }
      ''
        target="$out${destination}"
        mkdir -p "$(dirname "$target")"
        cp "$textPath" "$target"
        ${lib.optionalString executable ''chmod +x "$target"''}
      '';

  join =
    name: paths: postBuild:
    build name { inherit paths; } ''
      mkdir -p $out
      for path in $paths; do
        (cd "$path"; find . -type d) | while read -r directory; do mkdir -p "$out/$directory"; done
        (cd "$path"; find . ! -type d) | while read -r file; do [ -e "$out/$file" ] || ln -s "$path/$file" "$out/$file"; done
      done
      ${postBuild}
    '';

  program = name: build name { meta.mainProgram = name; } "mkdir -p $out; ln -s /usr/bin $out/bin";

  format = _: _: {
    type = lib.types.attrsOf lib.types.anything;
    lib.types.atom = lib.types.anything;
    generate = name: value: self.writeText name (lib.generators.toINI { } value);
  };

  shell = "#!/bin/bash\n";

  self = {
    inherit
      lib
      path
      system
      writeTextFile
      ;
    config = { };
    overlays = [ ];
    stdenv = rec {
      hostPlatform = lib.systems.elaborate system;
      buildPlatform = hostPlatform;
      inherit (hostPlatform) isDarwin isLinux;
    };
    buildPackages = self;
    runCommand = build;
    runCommandLocal = build;
    writeText = name: text: writeTextFile { inherit name text; };
    writeShellScript =
      name: text:
      writeTextFile {
        inherit name;
        text = shell + text;
        executable = true;
      };
    writeShellScriptBin =
      name: text:
      writeTextFile {
        inherit name;
        text = shell + text;
        executable = true;
        destination = "/bin/${name}";
      }
      // {
        meta.mainProgram = name;
      };
    replaceVars =
      file: values:
      let
        names = builtins.attrNames values;
      in
      self.writeText (baseNameOf file) (
        builtins.replaceStrings (map (name: "@${name}@") names) (map (name: "${values.${name}}") names) (builtins.readFile file)
      );
    substituteAll = { src, ... }@values: self.replaceVars src (builtins.mapAttrs (_: toString) (removeAttrs values [ "src" ]));
    symlinkJoin =
      {
        name,
        paths,
        postBuild ? "",
        stripPrefix ? "",
        ...
      }:
      join name (map (path: "${path}${stripPrefix}") paths) postBuild;
    buildEnv =
      {
        name,
        paths,
        postBuild ? "",
        ...
      }:
      join name (map (path: "${path}") paths) postBuild;
    emptyDirectory = build "empty-directory" { } "mkdir $out";
    formats = lib.genAttrs [
      "ini"
      "iniWithGlobalSection"
      "json"
      "keyValue"
      "libconfig"
      "toml"
      "xml"
      "yaml"
    ] format;
    runtimeShell = "/bin/bash";
    lndir = self.writeShellScriptBin "lndir" ''
      while [ "''${1#-}" != "$1" ]; do shift; done
      cp -rs "$1"/. "$2"
    '';
    xorg = { inherit (self) lndir; };
    # It cannot be had here. Only the meaning that its documentation gives to X-SwitchMethod is known (docs.rs/sd-switch).
    sd-switch = self.writeShellScriptBin "sd-switch" (builtins.readFile ./sd-switch.sh);
  }
  // lib.genAttrs [
    "autojump"
    "bash"
    "bash-completion"
    "bashInteractive"
    "coreutils"
    "dconf"
    "diffutils"
    "findutils"
    "gettext"
    "gitMinimal"
    "glibcLocales"
    "gnugrep"
    "gnupg"
    "gnused"
    "hicolor-icon-theme"
    "jq"
    "less"
    "man"
    "man-db"
    "ncurses"
    "nix"
    "nushell"
    "openssh"
    "ruby"
    "shared-mime-info"
    "systemd"
    "xdg-user-dirs"
    "zsh"
  ] program;
in
self
