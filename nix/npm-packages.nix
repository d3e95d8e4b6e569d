# The npm packages that a build needs, and no others, from package-lock.json alone: pure, so that a test can read it.
#
# Neither `fetchNpmDeps` nor `importNpmLock` of nixpkgs fits: the lock file names no addresses (.npmrc), nor all packages of all
# platforms, since the registry that it was made with has not got them. It has what counts, the hash of each package.
{
  # The parsed package-lock.json.
  lock,
  # As Node names them: "linux" or "darwin", "x64" or "arm64".
  os,
  cpu,
}:
let
  inherit (builtins)
    any
    attrNames
    attrValues
    concatMap
    elem
    elemAt
    filter
    genericClosure
    head
    length
    map
    match
    ;

  packages = lock.packages;

  # "a/node_modules/b" → "a"; null at the top.
  parentOf =
    key:
    let
      found = match "(.*)/node_modules/[^/]+(/[^/]+)?" key;
      workspace = match "packages/[^/]+" key;
    in
    if found != null then
      head found
    else if key == "" then
      null
    else
      "";
  inside = key: name: if key == "" then "node_modules/${name}" else "${key}/node_modules/${name}";

  # Where Node finds a package that one at `key` imports: the nearest folder upwards that has it.
  find =
    key: name:
    if key == null then
      null
    else if packages ? ${inside key name} then
      inside key name
    else
      find (parentOf key) name;

  fits =
    package:
    (!(package ? os) || elem os package.os)
    && (!(package ? cpu) || elem cpu package.cpu)
    # Of those for Linux, the ones for the C library that nixpkgs has.
    && !(elem "musl" (package.libc or [ ]));
  isExact = range: match "[0-9].*" range != null;

  # What a package needs at run time, as keys of the lock file.
  needs =
    key:
    let
      package = packages.${key};
      required = map (find key) (attrNames (package.dependencies or { }));
      optional = filter (found: found != null && fits packages.${found}) (
        concatMap (
          name:
          let
            found = find key name;
            range = package.optionalDependencies.${name};
          in
          if found != null && isExact range && packages.${found}.version != range then [ ] else [ found ]
        ) (attrNames (package.optionalDependencies or { }))
      );
    in
    map (found: if packages.${found}.link or false then packages.${found}.resolved else found) (required ++ optional);

  closure =
    keys:
    map ({ key, ... }: key) (genericClosure {
      startSet = map (key: { inherit key; }) keys;
      operator = { key, ... }: map (key: { inherit key; }) (needs key);
    });

  nameOf = key: elemAt (match "(.*/)?node_modules/([^/]+(/[^/]+)?)" key) 1;
  isFetched = key: packages.${key} ? integrity;
  fetched =
    at: key:
    let
      name = nameOf key;
      package = packages.${key};
      base = elemAt (match "(@[^/]+/)?(.*)" name) 1;
    in
    {
      path = at key;
      url = "https://registry.npmjs.org/${name}/-/${base}-${package.version}.tgz";
      hash = package.integrity;
    };

  # Of the bundlers in the lock file, the first with a native part for this platform. Vite brings one of its own.
  bundlers = filter (key: packages ? ${key}) [
    "node_modules/rolldown"
    "node_modules/vite/node_modules/rolldown"
  ];
  hasNativePart = key: any (needed: match ".*/@rolldown/binding-.*" needed != null) (needs key);
  usable = filter hasNativePart bundlers;
  bundler =
    if usable == [ ] then
      throw "package-lock.json has no rolldown for ${os}-${cpu}"
    else
      head usable;
  # Wherever it lies in the lock file, it is put where the configuration of the build looks for it.
  toTop =
    key:
    let
      found = match "node_modules/vite/(node_modules/.*)" key;
    in
    if found == null then key else head found;
in
{
  # Workspaces that `workspace` needs, itself included, such as "packages/protocol".
  workspacesOf = workspace: filter (key: !isFetched key) (closure [ workspace ]);

  # { path, url, hash } of each package that a workspace needs at run time.
  runtime = workspace: map (fetched (key: key)) (filter isFetched (closure [ workspace ]));

  # The same for some packages by name, that a workspace names as tools of its build.
  tools = workspace: names: map (fetched (key: key)) (filter isFetched (closure (map (find workspace) names)));

  # rolldown, with what it needs.
  bundler = map (fetched toTop) (filter isFetched (closure [ bundler ]));
}
