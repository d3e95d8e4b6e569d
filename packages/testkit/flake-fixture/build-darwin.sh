# Builds a nix-darwin system of the fixture. Its `activate` has the steps of the real one that an undo depends on, in their order: the
# files in /etc, the jobs, of which those go that what runs has and this closure has not, and as the last step the link of what runs.
# Held against nix-darwin a1fa429 (18 June 2026): modules/test/real-darwin.nix prints the text that it generates.
mkdir -p "$out/Library/LaunchDaemons" "$out/etc"
echo "$parts" > "$out/parts"
echo "$name" > "$out/Library/LaunchDaemons/org.nixos.activate-system.plist"
echo "$version" > "$out/Library/LaunchDaemons/org.nixos.version-$version.plist"
cat > "$out/activate" <<END
#!/bin/sh
set -e
PATH=$PATH
if [ "\${checkActivation:-0}" -eq 1 ]; then
  [ -z "$failChecks" ] || { echo "error: Unexpected files in /etc, aborting activation" >&2; exit 2; }
  echo ok >&2
  exit 0
fi
root="\$NIXFLEET_SYSTEM_ROOT"
echo "activate $out" >> "\$root/activations"
echo "setting up /etc..." >&2
sleep $activationSeconds
mkdir -p "\$root/etc" "\$root/run" "\$root/Library/LaunchDaemons"
ln -sfn $out/etc "\$root/etc/static"
echo "setting up launchd services..." >&2
cp -f $out/Library/LaunchDaemons/* "\$root/Library/LaunchDaemons/"
for f in "\$root"/run/current-system/Library/LaunchDaemons/*; do
  [ -e "\$f" ] || break
  f="\${f##*/}"
  [ -e "$out/Library/LaunchDaemons/\$f" ] || rm -f "\$root/Library/LaunchDaemons/\$f"
done
if [ -n "$failActivation" ]; then
  echo "error: Failed to open LaunchDaemons" >&2
  exit 2
fi
ln -sfn $out "\$root/run/current-system"
END
chmod +x "$out/activate"
