import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./app.css";
import { router } from "./router.tsx";
import { applyTheme } from "./shell/theme.ts";

applyTheme();

const place = document.getElementById("page");
if (!place) throw new Error("index.html has no element with the id page");
createRoot(place).render(
  <StrictMode>
    <RouterProvider router={router} />
  </StrictMode>,
);
