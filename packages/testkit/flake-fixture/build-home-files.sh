# The files of a home, as Home Manager has them: a store path of its own, to whose name its activation knows its links again.
mkdir -p "$out"
printf '%s\n' "$version" > "$out/.version"
for name in $names; do
  mkdir -p "$out/$(dirname "$name")"
  printf '%s\n' "$version" > "$out/$name"
done
