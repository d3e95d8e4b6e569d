# Builds a system closure of the fixture: the files that a real one has, as far as its switching needs them.
mkdir -p "$out/bin" "$out/etc" "$out/sw/bin" "$out/kernel-modules"
echo "$parts" > "$out/parts"
echo 25.11 > "$out/nixos-version"
echo "$system" > "$out/system"
echo "$kernel" > "$out/kernel"
echo "$kernel" > "$out/initrd"
echo "$host" > "$out/etc/hostname"
printf 'ID=nixos\nNAME=NixOS\nVERSION_ID="25.11"\nPRETTY_NAME="NixOS 25.11 (Xantusia)"\n' > "$out/etc/os-release"
revisionEntry=${revision:+"\"configurationRevision\":\"$revision\","}
printf '#!/bin/sh\necho '\''{%s"nixosVersion":"25.11"}'\''\n' "$revisionEntry" > "$out/sw/bin/nixos-version"
printf '#!/bin/sh\nexit 0\n' > "$out/activate"
if [ -n "$agent" ]; then
  mkdir -p "$out/etc/systemd/system"
  echo "$agent" > "$out/etc/systemd/system/nixfleet-agent.service"
fi
# NixOS makes the folder always, with a link to each (specialisation.nix of nixpkgs 05e1dd32).
mkdir -p "$out/specialisation"
for pair in $specialisations; do
  ln -s "${pair#*=}" "$out/specialisation/${pair%%=*}"
done
for pair in $etc; do
  mkdir -p "$(dirname "$out/etc/${pair%%=*}")"
  cp "${pair#*=}" "$out/etc/${pair%%=*}"
done
if [ -n "$inhibitors" ]; then
  echo "$inhibitors" > "$out/switch-inhibitors"
fi
cat > "$out/bin/switch-to-configuration" <<END
#!/bin/sh
PATH=$PATH
root="\$NIXFLEET_SYSTEM_ROOT"
if [ "\$1" = dry-activate ]; then
  echo "would stop the following units: fixture.service" >&2
  echo "would activate the configuration..." >&2
  echo "would start the following units: fixture.service, $host.target" >&2
  exit
fi
echo "\$1 $out" >> "\$root/activations"
case "\$1" in
  switch | test)
    echo "activating the configuration..."
    sleep $activationSeconds
    mkdir -p "\$root/run"
    ln -sfn $out "\$root/run/current-system" ;;
  boot)
    echo "updating the boot loader..."
    sleep $bootEntrySeconds
    # systemd-boot-builder.py of nixpkgs 01378401 opens it as a new file.
    if [ -e "\$root/boot/loader/loader.tmp" ]; then
      echo "FileExistsError: [Errno 17] File exists: '/boot/loader/loader.tmp'" >&2
      echo "Failed to install bootloader" >&2
      exit 1
    fi
    exit ;;
  *) echo "usage: switch-to-configuration switch|boot|test" >&2; exit 1 ;;
esac
if [ -n "$failActivation" ]; then
  echo "warning: the following units failed: fixture.service" >&2
  exit 4
fi
echo "setting up /etc..."
END
chmod +x "$out/bin/switch-to-configuration" "$out/sw/bin/nixos-version" "$out/activate"
