/** Addresses for pages, and links: pages are rows of a table (pages.ts), so addresses are plain texts here. */
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import type { Search } from "./search";

/** The filters and settings of a page, which stand in its address, and how to change some of them. */
export function useAddress(): [Search, (changes: Record<string, string | string[] | undefined>) => void] {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const change = useCallback(
    (changes: Record<string, string | string[] | undefined>) => {
      void navigate({
        to: ".",
        search: ((before: Search) => ({ ...before, ...changes })) as never,
        replace: true,
      });
    },
    [navigate],
  );
  return [search, change];
}

/** A part of the page's address: `$id` of `/runs/$id`. */
export function usePart(name: string): string {
  return (useParams({ strict: false }) as Record<string, string>)[name] ?? "";
}

/** Opens a page by its address. */
export function useGo(): (to: string, search?: Search) => void {
  const navigate = useNavigate();
  return useCallback((to, search) => void navigate({ to, search: (search ?? {}) as never }), [navigate]);
}
