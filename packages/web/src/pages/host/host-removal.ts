import type { HostRow } from "@nixfleet/protocol";
import { create } from "zustand";

/** The host whose removal is asked about. The menu that asked is gone by then, so it stands outside of it. */
export const useHostRemoval = create<{ host: HostRow | undefined }>(() => ({ host: undefined }));
