import type { HostRow } from "@nixfleet/protocol";
import { create } from "zustand";

/** The host whose removal dialog is open. It is kept outside of the menu, which closes first. */
export const useHostRemoval = create<{ host: HostRow | undefined }>(() => ({ host: undefined }));
