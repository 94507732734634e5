/** What somebody is typing, kept in this tab: a reload, a crash or an ended session loses nothing. */
const NAME = "vai-automation-draft:";

export type Draft = { text: string; language: "yaml" | "json"; tag: string };

export function readDraft(id: string): Draft | undefined {
  try {
    const found = JSON.parse(sessionStorage.getItem(NAME + id) ?? "null") as Draft | null;
    return found && typeof found.text === "string" ? found : undefined;
  } catch {
    return undefined;
  }
}

export function keepDraft(id: string, draft: Draft): void {
  try {
    sessionStorage.setItem(NAME + id, JSON.stringify(draft));
  } catch {
    // A browser without room keeps the text on the page alone.
  }
}

export const dropDraft = (id: string): void => sessionStorage.removeItem(NAME + id);
