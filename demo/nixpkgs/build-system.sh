# Builds a system closure with the files by which a NixOS is told and switched. The environment comes from lib.nix.
mkdir -p "$out/bin" "$out/etc/systemd/system" "$out/sw/bin" "$out/kernel-modules" "$out/units"
echo "$packages" > "$out/packages"
printf '%s' "$label" > "$out/nixos-version"
printf '%s' "$system" > "$out/system"
ln -s "$kernel/share/linux/data" "$out/kernel"
ln -s "$kernel/share/linux/data" "$out/initrd"
echo "$kernel" > "$out/kernel-modules/origin"
echo "$hostName" > "$out/etc/hostname"
echo "$motd" > "$out/etc/motd"
cat > "$out/etc/os-release" << END
ID=nixos
NAME=NixOS
VERSION="$release (Xantusia)"
VERSION_ID="$release"
BUILD_ID="$label"
PRETTY_NAME="NixOS $release (Xantusia)"
END

for package in $packages; do
  for program in "$package"/bin/*; do
    ln -s "$program" "$out/sw/bin/"
  done
done

# Which package each unit runs: where that changes, the unit is restarted.
set -- $unitPackages
for unit in $unitNames; do
  echo "$1" > "$out/units/$unit"
  printf '[Service]\nExecStart=%s\n' "$1" > "$out/etc/systemd/system/$unit"
  shift
done

# How the host is reached: sshd, and the keys of root.
if [ -e "$out/units/sshd.service" ]; then
  mkdir -p "$out/etc/systemd/system/multi-user.target.wants"
  ln -s ../sshd.service "$out/etc/systemd/system/multi-user.target.wants/sshd.service"
fi
mkdir -p "$out/etc/ssh/authorized_keys.d"
echo "Port 22" > "$out/etc/ssh/sshd_config"
[ -z "$rootKeys" ] || echo "$rootKeys" > "$out/etc/ssh/authorized_keys.d/root"

mkdir -p "$out/specialisation"
for pair in $specialisations; do
  ln -s "${pair#*=}" "$out/specialisation/${pair%%=*}"
done

revisionEntry=${revision:+"\"configurationRevision\":\"$revision\","}
cat > "$out/sw/bin/nixos-version" << END
#!/bin/sh
if [ "\$1" = --json ]; then
  echo '{${revisionEntry}"nixosVersion":"$label","nixpkgsRevision":"$nixpkgsRevision"}'
else
  echo "$label (Xantusia)"
fi
END

cat > "$out/activate" << END
#!/bin/sh
echo "setting up /etc..."
END

cat > "$out/bin/switch-to-configuration" << END
#!/bin/sh
PATH=$PATH
action="\$1"
root="\$NIXFLEET_SYSTEM_ROOT"
current="\$root/run/current-system"
case "\$action" in
  switch | boot | test | dry-activate) ;;
  *) echo "usage: switch-to-configuration switch|boot|test|dry-activate" >&2; exit 1 ;;
esac

changed=
for unit in "$out"/units/*; do
  unitName=\${unit##*/}
  if [ "\$(cat "\$unit")" != "\$(cat "\$current/units/\$unitName" 2> /dev/null)" ]; then
    changed="\${changed:+\$changed, }\$unitName"
  fi
done
if [ "\$action" = dry-activate ]; then
  [ -z "\$changed" ] || echo "would stop the following units: \$changed" >&2
  echo "would activate the configuration..." >&2
  echo "would reload the following units: dbus.service" >&2
  [ -z "\$changed" ] || echo "would start the following units: \$changed" >&2
  exit 0
fi
[ "\$action" = test ] || echo "updating GRUB 2 menu..."
[ "\$action" != boot ] || exit 0
[ -z "\$changed" ] || echo "stopping the following units: \$changed"
pause=0.4
[ ! -e "$quickly" ] || pause=0
sleep \$pause
echo "activating the configuration..."
"$out/activate"
mkdir -p "\$root/run"
ln -sfn "$out" "\$current"
sleep \$pause
echo "reloading the following units: dbus.service"
[ -z "\$changed" ] || echo "starting the following units: \$changed"
sleep \$pause
if [ -n "$failingUnit" ]; then
  echo "warning: the following units failed: $failingUnit" >&2
  echo "x $failingUnit" >&2
  echo "     Loaded: loaded (/etc/systemd/system/$failingUnit; enabled; preset: ignored)" >&2
  echo "     Active: failed (Result: exit-code)" >&2
  echo "    Process: ExecStart (code=exited, status=1/FAILURE)" >&2
  exit 4
fi
echo "finished switching to system configuration \$(basename "$out")"
END
chmod +x "$out/bin/switch-to-configuration" "$out/sw/bin/nixos-version" "$out/activate"
