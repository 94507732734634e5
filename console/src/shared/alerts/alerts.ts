/** Alert rules and what they send, as several pages ask for them (docs/alerts.md). */
import { queryOptions } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";
import { queries } from "~/app/queries";
import { count } from "~/shared/numbers";

export type Rule = Schemas["AlertRuleShape"];
export type Sent = Schemas["AlertShape"];
export type What = Rule["tells"][number];

export const TOLD: { value: What; label: string; about: string }[] = [
  { value: "failed", label: "Failed", about: "A run or an automation run failed, after its retries." },
  { value: "partial", label: "Partly completed", about: "A run completed, and some of its resources failed." },
  { value: "late", label: "Late", about: "A run or an automation run is not over after a time that you choose." },
  { value: "awaiting_approval", label: "Needs approval", about: "A run waits for a person's yes." },
  { value: "schedule_missed", label: "Schedule missed", about: "A schedule fired late, or left times out." },
];

export const toldName = (what: string): string => TOLD.find((each) => each.value === what)?.label ?? what;

export const CHANNELS = { slack: "Slack", teams: "Microsoft Teams", email: "Email", webhook: "Webhook" } as const;

/** `Slack, hooks.slack.com`; of an email the people. */
export const placeOf = ({ channel }: Pick<Rule, "channel">): string =>
  `${CHANNELS[channel.type]}, ${channel.recipients?.join(", ") ?? channel.host}`;

/** `2 failed, 1 late`. */
export const tellingOf = (alert: Sent): string =>
  alert.isTest
    ? "a test"
    : Object.entries(alert.counts)
        .map(([what, number]) => `${count(number)} ${toldName(what).toLowerCase()}`)
        .join(", ");

export const rulesQuery = queryOptions({
  queryKey: ["alert-rules"],
  queryFn: ({ signal }) => ask(api.GET("/api/v1/alert-rules", { signal })),
});

export const lookAgain = async (): Promise<void> => {
  await queries.invalidateQueries({ queryKey: ["alert-rules"] });
  await queries.invalidateQueries({ queryKey: ["alerts"] });
};
