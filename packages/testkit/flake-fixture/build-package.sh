# Builds one package of the fixture, with the environment that flake.nix gives it.
echo '@nix { "action": "setPhase", "phase": "buildPhase" }' >&2
i=0
while [ "$i" -lt "$linesPerPackage" ]; do
  i=$((i + 1))
  echo "part $number line $i"
done
sleep "$secondsPerPackage"
if [ -n "$fails" ]; then
  echo "part $number: error: it does not compile" >&2
  exit 2
fi
mkdir -p "$out"
echo "$before" > "$out/before"
