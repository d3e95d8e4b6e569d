# What both programs have in common: npm packages put in place, one bundled file, and a wrapper for it.
{
  lib,
  stdenv,
  fetchurl,
  makeWrapper,
  nodejs-slim_24,
}:
{
  # "agent" or "dashboard".
  name,
  # Source commit that the program tells of; null: not known.
  commit,
  # Programs that it calls.
  path ? [ ],
  # More sources, npm packages ({ path, url, hash }), and steps.
  workspaces ? [ ],
  packages ? _: [ ],
  postBuild ? "",
  postInstall ? "",
  wrapperArguments ? [ ],
  description,
  platforms,
}:
let
  root = ../.;
  workspace = "packages/${name}";
  npm = import ./npm-packages.nix {
    lock = lib.importJSON (root + "/package-lock.json");
    os = if stdenv.hostPlatform.isDarwin then "darwin" else "linux";
    cpu = if stdenv.hostPlatform.isAarch64 then "arm64" else "x64";
  };
  ownWorkspaces = lib.unique (lib.concatMap npm.workspacesOf ([ workspace ] ++ workspaces));
  npmPackages = lib.unique (npm.bundler ++ lib.concatMap npm.runtime ownWorkspaces ++ packages npm);
  manifest = lib.importJSON (root + "/${workspace}/package.json");

  sourceFolders = ownWorkspaces;
  sourceFiles = [
    "rolldown.config.ts"
    "package.json"
    "tsconfig.base.json"
  ];
in
stdenv.mkDerivation {
  pname = "nixfleet-${name}";
  inherit (manifest) version;

  # Only what the program is made of: a change elsewhere in the repository makes no other store path.
  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.unions (
      map (file: root + "/${file}") sourceFiles ++ map (folder: root + "/${folder}") sourceFolders
    );
  };

  nativeBuildInputs = [
    makeWrapper
    nodejs-slim_24
  ];
  # Native parts of the tools, as npm has them, look for it.
  env = {
    NIXFLEET_GIT_COMMIT = if commit == null then "" else commit;
    NIXFLEET_PROGRAM = name;
  }
  // lib.optionalAttrs stdenv.hostPlatform.isLinux {
    LD_LIBRARY_PATH = lib.makeLibraryPath [ stdenv.cc.cc.lib ];
  };

  configurePhase = ''
    runHook preConfigure
    ${lib.concatMapStringsSep "\n" (
      { path, url, hash }:
      ''
        mkdir -p ${path}
        tar --extract --file ${fetchurl { inherit url hash; }} --directory ${path} --strip-components 1 --no-same-owner
      ''
    ) npmPackages}
    mkdir -p node_modules/@nixfleet
    ${lib.concatMapStringsSep "\n" (
      folder: "ln -s ../../${folder} node_modules/@nixfleet/${baseNameOf folder}"
    ) ownWorkspaces}
    runHook postConfigure
  '';

  buildPhase = ''
    runHook preBuild
    node node_modules/rolldown/bin/cli.mjs --config --logLevel warn
    ${postBuild}
    runHook postBuild
  '';

  # .mjs, since no package.json beside it says that it is a module.
  installPhase = ''
    runHook preInstall
    install -D -m 0444 ${workspace}/dist/nixfleet-${name}.js $out/lib/nixfleet-${name}.mjs
    ${postInstall}
    makeWrapper ${nodejs-slim_24}/bin/node $out/bin/nixfleet-${name} \
      --add-flags $out/lib/nixfleet-${name}.mjs \
      --prefix PATH : ${lib.makeBinPath path} ${lib.escapeShellArgs wrapperArguments}
    runHook postInstall
  '';

  # npm's native parts are left as they are: nothing of them is installed.
  dontStrip = true;
  dontPatchELF = true;

  doInstallCheck = true;
  installCheckPhase = ''
    runHook preInstallCheck
    $out/bin/nixfleet-${name} --version | grep --fixed-strings ${lib.escapeShellArg manifest.version}
    runHook postInstallCheck
  '';

  passthru = { inherit npmPackages; };

  meta = {
    inherit description platforms;
    license = lib.licenses.asl20;
    mainProgram = "nixfleet-${name}";
  };
}
