import { QueryClient } from "@tanstack/react-query";
import { Problem } from "~/api/problem";

/** A request that the API refused is not sent again; one that did not arrive, or found it busy, is. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: true,
      retry: (failures, error) =>
        failures < 3 && (!(error instanceof Problem) || error.status === 0 || error.status >= 500),
    },
  },
});
