# The dashboard: the server in one bundled file, and the built page.
{
  lib,
  callPackage,
  gitMinimal,
  openssh,
  commit ? null,
}:
callPackage ./program.nix { } {
  name = "dashboard";
  inherit commit;
  path = [
    gitMinimal
    openssh
  ];
  workspaces = [ "packages/web" ];
  packages =
    npm:
    npm.tools "packages/web" [
      "@tailwindcss/vite"
      "@vitejs/plugin-react"
      "tailwindcss"
      "vite"
    ];
  postBuild = ''
    (cd packages/web && node ../../node_modules/vite/bin/vite.js build --logLevel warn)
  '';
  postInstall = ''
    cp -r packages/web/dist $out/lib/page
  '';
  wrapperArguments = [
    "--set-default"
    "NIXFLEET_WEB_DIR"
    "${placeholder "out"}/lib/page"
  ];
  description = "Shows whether a fleet's machines run what they should, and makes them do so";
  # The page is built by native tools that the lock file has for Linux only.
  platforms = [
    "x86_64-linux"
    "aarch64-linux"
  ];
}
