# As much of nixpkgs' `lib` as the modules here use, written for the tests, which must run without a network. What it does is what
# "Writing NixOS modules" in the manual of NixOS says: options are declared with types, definitions are merged by type, `mkIf` is
# pushed down so that a condition may depend on other options, and what is not declared or does not fit is an error.
let
  inherit (builtins)
    all
    any
    attrNames
    attrValues
    concatLists
    concatMap
    concatStringsSep
    elem
    filter
    foldl'
    hasAttr
    head
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isPath
    isString
    length
    listToAttrs
    map
    mapAttrs
    match
    removeAttrs
    replaceStrings
    stringLength
    substring
    ;

  typeOf = value: if isAttrs value then value._type or null else null;
  name = loc: concatStringsSep "." loc;
  unique = foldl' (seen: item: if elem item seen then seen else seen ++ [ item ]) [ ];
  shown = value: if isFunction value || isAttrs value then "<a set>" else builtins.toJSON value;

  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  defaultPriority = 100;

  # Definitions of a set of options: what is around the set is moved to each of its attributes.
  pushDown =
    value:
    {
      merge = concatMap pushDown value.contents or [ ];
      "if" = map (mapAttrs (_: lib.mkIf value.condition)) (pushDown value.content);
      override = map (mapAttrs (_: mkOverride value.priority)) (pushDown value.content);
    }
    .${toString (typeOf value)} or [ value ];

  # Definitions of one option: each with its priority, those that do not hold left out.
  discharge =
    value:
    {
      merge = concatMap discharge value.contents or [ ];
      "if" = if value.condition then discharge value.content else [ ];
      override = map (found: found // { inherit (value) priority; }) (discharge value.content);
    }
    .${toString (typeOf value)} or [
      {
        priority = defaultPriority;
        inherit value;
      }
    ];

  strongest =
    found:
    let
      least = foldl' (least: { priority, ... }: if priority < least then priority else least) 9999 found;
    in
    map ({ value, ... }: value) (filter ({ priority, ... }: priority == least) found);

  mergeByType =
    loc: type: values:
    let
      wrong = filter (value: !type.check value) values;
    in
    if wrong != [ ] then
      throw "A definition for option `${name loc}' is not of type `${type.description}'. Definition value: ${shown (head wrong)}"
    else
      type.merge loc values;

  # A value by its type, from definitions that may be conditional.
  valueOf = loc: type: definitions: mergeByType loc type (strongest (concatMap discharge definitions));

  mergeEqual =
    loc: values:
    if all (value: value == head values) values then
      head values
    else
      throw "The option `${name loc}' has conflicting definition values: ${concatStringsSep ", " (map shown values)}";

  mkType =
    attributes:
    {
      merge = mergeEqual;
      _type = "option-type";
    }
    // attributes;

  evaluateOption =
    loc: option: definitions:
    let
      found = concatMap discharge definitions ++ (
        if option ? default then discharge (mkOverride 1500 option.default) else [ ]
      );
      value =
        if found == [ ] then
          throw "The option `${name loc}' was accessed but has no value defined. Try setting the option."
        else
          mergeByType loc (option.type or types.raw) (strongest found);
    in
    (option.apply or (value: value)) value;

  evaluateTree =
    loc: tree: definitions: freeform:
    let
      sets = concatMap pushDown definitions;
      unknown = filter (key: !(tree ? ${key})) (unique (concatMap attrNames sets));
      of = key: map (set: set.${key}) (filter (set: set ? ${key}) sets);
      known = mapAttrs (
        key: node:
        if typeOf node == "option" then
          evaluateOption (loc ++ [ key ]) node (of key)
        else
          evaluateTree (loc ++ [ key ]) node (of key) null
      ) tree;
    in
    if unknown == [ ] then
      known
    else if freeform != null then
      listToAttrs (
        map (key: {
          name = key;
          value = valueOf (loc ++ [ key ]) freeform (of key);
        }) unknown
      )
      // known
    else
      throw "The option `${name (loc ++ [ (head unknown) ])}' does not exist.";

  mergeTrees =
    left: right:
    left
    // mapAttrs (
      key: node:
      if !(left ? ${key}) then
        node
      else if typeOf node == "option" || typeOf left.${key} == "option" then
        throw "The option `${key}' is declared twice."
      else
        mergeTrees left.${key} node
    ) right;

  evaluate =
    {
      modules,
      specialArgs ? { },
      prefix ? [ ],
      freeformType ? null,
    }:
    let
      args = {
        inherit config lib;
        options = tree;
      }
      // specialArgs;
      # A module that is a file, or that has a key, counts once however often it is imported.
      load =
        { seen, parts }:
        module:
        let
          content = if isPath module || isString module then import module else module;
          called = if isFunction content then content args else content;
          key = called.key or (if isPath module || isString module then toString module else null);
          own =
            if called ? options || called ? config then
              {
                options = called.options or { };
                config = called.config or { };
              }
            else
              {
                options = { };
                config = removeAttrs called [
                  "imports"
                  "key"
                ];
              };
          imported = foldl' load {
            inherit parts;
            seen = if key == null then seen else seen ++ [ key ];
          } (called.imports or [ ]);
        in
        if key != null && elem key seen then
          { inherit seen parts; }
        else
          imported // { parts = imported.parts ++ [ own ]; };
      loaded =
        (foldl' load {
          seen = [ ];
          parts = [ ];
        } modules).parts;
      tree = foldl' (merged: { options, ... }: mergeTrees merged options) { } loaded;
      config = evaluateTree prefix tree (map ({ config, ... }: config) loaded) freeformType;
    in
    {
      inherit config;
      options = tree;
    };

  isStringLike = value: isString value || isPath value || (isAttrs value && value ? outPath);

  types = rec {
    raw = mkType {
      description = "raw value";
      check = _: true;
    };
    bool = mkType {
      description = "boolean";
      check = isBool;
    };
    int = mkType {
      description = "signed integer";
      check = isInt;
    };
    ints = {
      between =
        low: high:
        mkType {
          description = "integer between ${toString low} and ${toString high} (both inclusive)";
          check = value: isInt value && value >= low && value <= high;
        };
      positive = mkType {
        description = "positive integer, meaning >0";
        check = value: isInt value && value > 0;
      };
    };
    port = ints.between 0 65535 // {
      description = "16 bit unsigned integer; between 0 and 65535 (both inclusive)";
    };
    str = mkType {
      description = "string";
      check = isString;
    };
    lines = mkType {
      description = "strings concatenated with \"\\n\"";
      check = isString;
      merge = _: concatStringsSep "\n";
    };
    strMatching =
      pattern:
      mkType {
        description = "string matching the pattern ${pattern}";
        check = value: isString value && match pattern value != null;
      };
    path = mkType {
      description = "absolute path";
      check = value: isStringLike value && substring 0 1 (toString value) == "/";
    };
    package = mkType {
      description = "package";
      check = value: isAttrs value && value ? outPath;
      merge =
        loc: values:
        if length values == 1 then
          head values
        else
          throw "The option `${name loc}' is defined multiple times while it's expected to be unique.";
    };
    enum =
      values:
      mkType {
        description = "one of ${concatStringsSep ", " (map builtins.toJSON values)}";
        check = value: elem value values;
      };
    nullOr =
      type:
      mkType {
        description = "null or ${type.description}";
        check = value: value == null || type.check value;
        merge = loc: values: if all (value: value == null) values then null else mergeByType loc type values;
      };
    listOf =
      type:
      mkType {
        description = "list of ${type.description}";
        elementModule = type.module or null;
        check = isList;
        merge = loc: values: map (value: valueOf (loc ++ [ "*" ]) type [ value ]) (concatLists values);
      };
    attrsOf =
      type:
      mkType {
        description = "attribute set of ${type.description}";
        check = value: isAttrs value;
        merge =
          loc: values:
          let
            sets = concatMap pushDown values;
            found =
              key: concatMap discharge (map (set: set.${key}) (filter (set: set ? ${key}) sets));
            keys = filter (key: found key != [ ]) (unique (concatMap attrNames sets));
          in
          listToAttrs (
            map (key: {
              name = key;
              value = mergeByType (loc ++ [ key ]) type (strongest (found key));
            }) keys
          );
      };
    either =
      one: other:
      mkType {
        description = "${one.description} or ${other.description}";
        check = value: one.check value || other.check value;
        merge = loc: values: mergeByType loc (if all one.check values then one else other) values;
      };
    oneOf = list: foldl' either (head list) (builtins.tail list);
    submodule =
      module:
      mkType {
        description = "submodule";
        check = isAttrs;
        merge =
          loc: values:
          (evaluate {
            modules = [ module ] ++ map (value: { config = value; }) values;
            specialArgs.name = builtins.elemAt loc (length loc - 1);
            prefix = loc;
            freeformType = if isAttrs module then module.freeformType or null else null;
          }).config;
        inherit module;
      };
  };

  lib = {
    inherit
      concatLists
      concatStringsSep
      mkOverride
      types
      ;
    evalModules = evaluate;

    mkOption = attributes: attributes // { _type = "option"; };
    mkEnableOption =
      text:
      lib.mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = "Whether to enable ${text}.";
      };
    mkIf = condition: content: {
      _type = "if";
      inherit condition content;
    };
    mkMerge = contents: {
      _type = "merge";
      inherit contents;
    };
    mkDefault = mkOverride 1000;
    # The only order that is asked for here is that of the one definition there is.
    mkBefore = content: content;
    literalExpression = text: {
      _type = "literalExpression";
      inherit text;
    };

    concatMapStringsSep = separator: function: list: concatStringsSep separator (map function list);
    escapeShellArg =
      value:
      let
        text = toString value;
      in
      if match "[[:alnum:],._+:@%/-]+" text != null then
        text
      else
        "'${replaceStrings [ "'" ] [ "'\\''" ] text}'";
    filterAttrs =
      keep: set:
      listToAttrs (
        concatMap (
          key:
          if keep key set.${key} then
            [
              {
                name = key;
                value = set.${key};
              }
            ]
          else
            [ ]
        ) (attrNames set)
      );
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    imap0 = function: list: builtins.genList (index: function index (builtins.elemAt list index)) (length list);
    makeBinPath = packages: concatStringsSep ":" (map (package: "${package}/bin") packages);
    mapAttrsToList = function: set: map (key: function key set.${key}) (attrNames set);
    optional = condition: item: if condition then [ item ] else [ ];
    optionals = condition: list: if condition then list else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    optionalString = condition: text: if condition then text else "";
  };
in
lib
