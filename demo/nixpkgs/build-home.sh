# Builds a Home Manager generation. Its activation does to the profile and the roots of its user what the real one does.
mkdir -p "$out/home-path/bin" "$out/home-files/.config"
echo "$packages" > "$out/packages"
printf '%s' "$release" > "$out/hm-version"
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
  echo "Existing file '\$HOME/$failingFile' would be clobbered by activation" >&2
  exit 1
fi
echo "Activating writeBoundary"
echo "Activating installPackages"
sleep \$pause
echo "Activating linkGeneration"
mkdir -p "\$state/nix/profiles" "\$state/home-manager/gcroots"
nix-env --profile "\$state/nix/profiles/home-manager" --set "$out"
ln -sfn "$out" "\$state/home-manager/gcroots/current-home"
echo "Creating home file links in \$HOME"
sleep \$pause
echo "Activating onFilesChange"
echo "Activating reloadSystemd"
END
chmod +x "$out/activate"
