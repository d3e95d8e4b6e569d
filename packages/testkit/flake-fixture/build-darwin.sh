# Builds a nix-darwin system of the fixture, whose activation links what runs last, as the real one does.
mkdir -p "$out/Library/LaunchDaemons"
echo "$parts" > "$out/parts"
cat > "$out/activate" <<END
#!/bin/sh
set -e
PATH=$PATH
root="\$NIXFLEET_SYSTEM_ROOT"
echo "activate $out" >> "\$root/activations"
echo "setting up /etc..." >&2
sleep $activationSeconds
if [ -n "$failActivation" ]; then
  echo "error: Unexpected files in /etc, aborting activation" >&2
  exit 2
fi
mkdir -p "\$root/run"
ln -sfn $out "\$root/run/current-system"
END
chmod +x "$out/activate"
