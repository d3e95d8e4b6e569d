# Builds one package: prints what a build prints, takes the time that versions.json gives it, and keeps what it needs in
# its closure. The environment comes from lib.nix.
phase() {
  echo "@nix { \"action\": \"setPhase\", \"phase\": \"$1\" }" >&"${NIX_LOG_FD:-2}"
  echo "Running phase: $1"
}
# While the demo sets its machines up, nobody watches the builds: then they do not wait.
work() {
  [ -e "$quickly" ] || sleep "$pause"
}

phase unpackPhase
echo "unpacking source archive $pname-$version.tar.gz"
echo "source root is $pname-$version"
work

phase configurePhase
for thing in "for gcc... gcc" "whether the C compiler works... yes" "for pkg-config... yes"; do
  echo "checking $thing"
done
for need in $needs; do
  echo "checking for ${need#*-}... yes"
done
work
echo "configure: creating ./config.status"
work

phase buildPhase
for part in main options parse io net log util; do
  echo "  CC      src/$part.o"
  if [ -n "$broken" ] && [ "$part" = net ]; then
    echo "src/net.c: In function '${pname}_accept':" >&2
    echo "src/net.c:214:17: error: implicit declaration of function 'strlcpy' [-Wimplicit-function-declaration]" >&2
    echo "make: *** [Makefile:41: src/net.o] Error 1" >&2
    exit 2
  fi
  case $part in main | parse | net | util) work ;; esac
done
echo "  LD      $pname"

phase checkPhase
echo "PASS: tests/smoke"
work
echo "PASS: tests/options"
echo "All 2 tests passed"

phase installPhase
mkdir -p "$out/bin" "$out/share/$pname" "$out/nix-support"
printf '#!/bin/sh\necho "%s %s"\n' "$pname" "$version" > "$out/bin/$pname"
chmod +x "$out/bin/$pname"
echo "$needs" > "$out/nix-support/needs"
printf "%$((kib * 1024))s" "" > "$out/share/$pname/data"
echo "installing $pname to $out"
work

phase fixupPhase
echo "shrinking RPATHs of ELF executables and libraries in $out"
work
