# Builds a Home Manager generation. Its activation takes the steps of the real one in their order, as of release-25.11: the profile is
# set by its caller (driver version 1), and the generation becomes the current one at the very end. How it is held against the real one
# is told in packages/testkit/flake-fixture/activate-home.sh.
mkdir -p "$out/home-path/bin" "$out/home-files/.config"
echo "$packages" > "$out/packages"
printf '%s' "$release" > "$out/hm-version"
echo 1 > "$out/gen-version"
echo "$motd" > "$out/home-files/.config/motd"
for package in $packages; do
  for program in "$package"/bin/*; do
    ln -s "$program" "$out/home-path/bin/"
  done
done

cat > "$out/activate" << END
#!/bin/sh
set -e
PATH="\$PATH:$PATH"
state="\${XDG_STATE_HOME:-\$HOME/.local/state}"
pause=0.4
[ ! -e "$quickly" ] || pause=0
echo "Starting Home Manager activation"
echo "Activating checkFilesChanged"
echo "Activating checkLinkTargets"
sleep \$pause
if [ -n "$failingFile" ]; then
  echo "Existing file '\$HOME/$failingFile' would be clobbered" >&2
  exit 1
fi
echo "Activating writeBoundary"
mkdir -p "\$state/nix/profiles"
if [ "\$*" != "--driver-version 1" ]; then
  nix-env --profile "\$state/nix/profiles/home-manager" --set "$out"
fi
echo "Activating installPackages"
sleep \$pause
echo "Activating linkGeneration"
echo "Creating home file links in \$HOME"
mkdir -p "\$HOME/.config"
ln -sfn "$out/home-files/.config/motd" "\$HOME/.config/motd"
sleep \$pause
echo "Activating onFilesChange"
echo "Activating reloadSystemd"
mkdir -p "\$state/home-manager/gcroots"
ln -sfn "$out" "\$state/home-manager/gcroots/current-home"
END
chmod +x "$out/activate"
