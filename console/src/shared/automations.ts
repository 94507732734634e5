/** Automations in a few words, and what several pages ask about them. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";

export type OneAutomation = Schemas["AutomationShape"];
export type AutomationRun = Schemas["AutomationRunShape"];
export type WholeAutomationRun = Schemas["WholeAutomationRunShape"];

/** `at 0 6 * * * (UTC)`: when it fires. */
export function triggerText(trigger: Record<string, unknown>): string {
  const said = (name: string): string => (typeof trigger[name] === "string" ? (trigger[name] as string) : "");
  switch (trigger.type) {
    case "schedule":
      return `schedule ${said("schedule")}${said("timezone") && said("timezone") !== "UTC" ? ` (${said("timezone")})` : ""}`;
    case "webhook":
      return `webhook ${said("path")}`.trim();
    case "event":
      return `event ${said("eventType")}`.trim();
    default:
      return "by hand";
  }
}

/** An automation, with the mark of what was read (`ETag`), by which a change is refused if somebody was quicker. */
export async function readAutomation(
  id: string,
  signal?: AbortSignal,
): Promise<{ automation: OneAutomation; tag: string }> {
  const request = api.GET("/api/v1/automations/{automation_id}", { params: { path: { automation_id: id } }, signal });
  const automation = await ask<OneAutomation>(request);
  return { automation, tag: (await request).response.headers.get("etag") ?? "" };
}

export const automationOptions = (id: string) =>
  queryOptions({ queryKey: ["automation", id], queryFn: ({ signal }) => readAutomation(id, signal) });

export const useAutomation = (id: string) => useQuery({ ...automationOptions(id), refetchInterval: 15_000 });
