/** Keys that work on every page: `g` and a letter opens a page, `/` goes to its search, `?` shows the keys. */
import { useEffect } from "react";
import { useGo } from "./navigate";
import { PAGES, type Page } from "./pages";

export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

export function useKeys(help: () => void): void {
  const go = useGo();
  useEffect(() => {
    let waits = 0;
    function press(event: KeyboardEvent): void {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('[role="dialog"]')) return;
      const page = PAGES.find((each: Page) => each.nav?.key === event.key);
      if (Date.now() - waits < 1_500 && page) {
        waits = 0;
        event.preventDefault();
        go(page.path);
      } else if (event.key === "g") {
        waits = Date.now();
      } else if (event.key === "?") {
        help();
      } else if (event.key === "/") {
        const field = document.querySelector<HTMLInputElement>("[data-search]");
        if (field) event.preventDefault();
        field?.focus();
      }
    }
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [go, help]);
}
