import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./app/app.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { NONCE } from "./api/root";
import { meQuery } from "./app/me";
import { warm } from "./app/pages";
import { queries } from "./app/queries";
import { router } from "./app/router";
import { theme } from "./app/theme";

// Styles that libraries add while the page runs must carry the word of the page's policy.
setNonce(NONCE);

// Every page needs it: it comes while the first one is made.
void queries.prefetchQuery(meQuery);

// After an upgrade an open page asks for files that are gone: load it anew, once.
window.addEventListener("vite:preloadError", () => {
  const last = Number(sessionStorage.getItem("vai-reloaded") ?? 0);
  if (Date.now() - last < 10_000) return;
  sessionStorage.setItem("vai-reloaded", String(Date.now()));
  window.location.reload();
});

// What is opened most often is there when somebody wants it.
window.addEventListener("load", () => setTimeout(warm, 2_000));

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => NONCE}>
      <Notifications position="bottom-right" limit={4} />
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
