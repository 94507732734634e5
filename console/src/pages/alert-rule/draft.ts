/** An alert rule while somebody writes it, and the bodies that the API takes. */
import type { Schemas } from "~/api/types";
import type { Rule, What } from "~/shared/alerts/alerts";

export type Channel = Schemas["AlertRuleBody"]["channel"];
export type ChannelType = Channel["type"];

/** What is written in the fields of a channel; a field that a type does not have is not sent. */
export type ChannelDraft = {
  type: ChannelType;
  url: string;
  signingSecret: string;
  authorization: string;
  host: string;
  port: number | string;
  security: "starttls" | "tls" | "none";
  username: string;
  password: string;
  sender: string;
  recipients: string[];
};

export type Draft = {
  name: string;
  tells: What[];
  lateMinutes: number | string;
  kinds: string[];
  actions: string[];
  automations: string[];
  labels: string[];
  gatherSeconds: number | string;
  pauseSeconds: number | string;
  isActive: boolean;
  /** None: the rule keeps the channel that it has. */
  channel: ChannelDraft | null;
};

export const NO_CHANNEL: ChannelDraft = {
  type: "slack",
  url: "",
  signingSecret: "",
  authorization: "",
  host: "",
  port: 587,
  security: "starttls",
  username: "",
  password: "",
  sender: "",
  recipients: [],
};

export const NEW: Draft = {
  name: "",
  tells: ["failed"],
  lateMinutes: 60,
  kinds: [],
  actions: [],
  automations: [],
  labels: [],
  gatherSeconds: 10,
  pauseSeconds: 300,
  isActive: true,
  channel: NO_CHANNEL,
};

export const draftOf = (rule: Rule): Draft => ({
  name: rule.name,
  tells: rule.tells,
  lateMinutes: rule.lateSeconds === null ? 60 : rule.lateSeconds / 60,
  kinds: rule.filters.kinds,
  actions: rule.filters.actions,
  automations: rule.filters.automations,
  labels: Object.entries(rule.filters.labels).map(([name, value]) => `${name}=${value}`),
  gatherSeconds: rule.gatherSeconds,
  pauseSeconds: rule.pauseSeconds,
  isActive: rule.isActive,
  channel: null,
});

/** Another channel than the one that a rule has, with what is known of it; its secrets are given again. */
export const channelOf = ({ channel }: Rule): ChannelDraft => ({
  ...NO_CHANNEL,
  type: channel.type,
  host: channel.type === "email" ? channel.host : "",
  port: channel.port ?? NO_CHANNEL.port,
  security: (channel.security as ChannelDraft["security"] | null) ?? "starttls",
  username: channel.username ?? "",
  sender: channel.sender ?? "",
  recipients: channel.recipients ?? [],
});

export function channelBody(draft: ChannelDraft): Channel {
  const url = draft.url.trim();
  if (draft.type === "email") {
    return {
      type: "email",
      host: draft.host.trim(),
      port: Number(draft.port),
      security: draft.security,
      sender: draft.sender.trim(),
      recipients: draft.recipients,
      ...(draft.username ? { username: draft.username } : {}),
      ...(draft.password ? { password: draft.password } : {}),
    };
  }
  if (draft.type === "webhook") {
    return {
      type: "webhook",
      url,
      ...(draft.signingSecret ? { signingSecret: draft.signingSecret } : {}),
      ...(draft.authorization ? { authorization: draft.authorization } : {}),
    };
  }
  return { type: draft.type, url };
}

/** The rule without its channel. */
export const ruleBody = (draft: Draft) => ({
  name: draft.name.trim(),
  tells: draft.tells,
  filters: {
    kinds: draft.kinds as Rule["filters"]["kinds"],
    actions: draft.actions,
    automations: draft.automations,
    labels: Object.fromEntries(
      draft.labels.map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)]),
    ),
  },
  isActive: draft.isActive,
  gatherSeconds: Number(draft.gatherSeconds),
  pauseSeconds: Number(draft.pauseSeconds),
  lateSeconds: draft.tells.includes("late") ? Math.round(Number(draft.lateMinutes) * 60) : null,
});

/** A label that cannot be sent. */
export const wrongLabel = (draft: Draft): string | undefined => draft.labels.find((text) => text.indexOf("=") < 1);
