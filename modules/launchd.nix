# The launchd jobs of the agent (launchd.plist(5)), for nix-darwin and for Home Manager on macOS.
rec {
  # The store is a volume of its own and may come after launchd. A semicolon, since `&` would have to be escaped in a plist.
  afterStore = command: [
    "/bin/sh"
    "-c"
    "/bin/wait4path /nix/store; exec ${command}"
  ];

  daemon =
    { command, log }:
    {
      Label = "com.nixfleet.agent";
      ProgramArguments = afterStore command;
      RunAtLoad = true;
      # However it ends: to be restarted it ends by itself.
      KeepAlive = true;
      ThrottleInterval = 2;
      # What it has started is not ended with it.
      AbandonProcessGroup = true;
      ProcessType = "Background";
      StandardErrorPath = log;
    };

  runner =
    {
      command,
      queue,
      log,
    }:
    {
      Label = "com.nixfleet.runner";
      ProgramArguments = afterStore command;
      # Started while the queue holds a file.
      QueueDirectories = [ queue ];
      # When the runner ends or is ended, an activation goes on (R29).
      AbandonProcessGroup = true;
      # Builds are what was asked for: no throttling.
      ProcessType = "Interactive";
      SoftResourceLimits.NumberOfFiles = 4096;
      StandardErrorPath = log;
    };

  deadman =
    { runnerDir, log }:
    {
      Label = "com.nixfleet.deadman";
      ProgramArguments = [
        "/bin/sh"
        "-c"
        # The agent that armed it, not the one that may be broken.
        "/bin/wait4path /nix/store; test -e '${runnerDir}/deadman.json' || exit 0; exec '${runnerDir}/deadman-program' deadman --boot"
      ];
      RunAtLoad = true;
      # Until nothing is armed any more.
      KeepAlive.SuccessfulExit = false;
      AbandonProcessGroup = true;
      StandardErrorPath = log;
    };
}
