import type { RouteName } from "@nixfleet/protocol";
import { useState } from "react";
import { createSend, type Send } from "./api.ts";

/** `createSend` for as long as the form or dialog is shown. */
export function useSend<N extends RouteName>(name: N): Send<N> {
  return useState(() => createSend(name))[0];
}
