# Builds a Home Manager generation of the fixture, whose activation does what the real one does to profile and roots.
mkdir -p "$out/home-path/bin" "$out/home-files"
echo "$parts" > "$out/parts"
echo 25.11 > "$out/hm-version"
cat > "$out/activate" <<END
#!/bin/sh
PATH="\$PATH:$PATH"
echo "activate $out" >> "\$NIXFLEET_SYSTEM_ROOT/activations"
echo "Starting Home Manager activation"
sleep $activationSeconds
if [ -n "$failActivation" ]; then
  echo "Existing file '\$HOME/.bashrc' would be clobbered" >&2
  exit 1
fi
state="\${XDG_STATE_HOME:-\$HOME/.local/state}"
mkdir -p "\$state/nix/profiles" "\$state/home-manager/gcroots"
nix-env --profile "\$state/nix/profiles/home-manager" --set $out
ln -sfn $out "\$state/home-manager/gcroots/current-home"
END
chmod +x "$out/activate"
