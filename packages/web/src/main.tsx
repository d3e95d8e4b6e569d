import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./app.css";
import { router } from "./router.tsx";
import { applyTheme } from "./shell/theme.ts";

applyTheme();

if (import.meta.env.DEV) {
  const kind = new URLSearchParams(location.search).get("mock") ?? sessionStorage.getItem("nixfleet.mock");
  if (kind !== null) {
    sessionStorage.setItem("nixfleet.mock", kind);
    const { installMockDashboard } = await import("./dev/mock-dashboard.ts");
    installMockDashboard(kind);
  }
}

const place = document.getElementById("page");
if (!place) throw new Error("index.html has no element with the id page");
createRoot(place).render(
  <StrictMode>
    <RouterProvider router={router} />
  </StrictMode>,
);
