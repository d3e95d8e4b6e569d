# Builds a generation of Home Manager.
mkdir -p "$out/home-path/bin"
echo "$parts" > "$out/parts"
echo "$homeManager" > "$out/hm-version"
[ "$homeManager" != 25.11 ] || echo 1 > "$out/gen-version"
ln -s "$files" "$out/home-files"
# Home Manager makes the folder only where there are any (specialisation.nix of ec1a8fdf).
[ -z "$specialisations" ] || mkdir "$out/specialisation"
for pair in $specialisations; do
  ln -s "${pair#*=}" "$out/specialisation/${pair%%=*}"
done
ran=
[ -z "$failActivation" ] || ran='echo "boom: the activation fails past its write boundary" >\&2; exit 1'
sed \
  -e "s|@version@|$homeManager|" -e "s|@out@|$out|" -e "s|@files@|$files|" -e "s|@path@|$PATH|" \
  -e "s|@activation@|sleep $activationSeconds; $ran|" \
  "$activate" > "$out/activate"
chmod +x "$out/activate"
