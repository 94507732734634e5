/** Statuses by colour, sign and word: never by colour alone. */
import {
  type Icon,
  IconAlertTriangle,
  IconBan,
  IconCalendarTime,
  IconCheck,
  IconClock,
  IconFilter,
  IconHandStop,
  IconHourglass,
  IconLoader2,
  IconPlayerPause,
  IconPlayerSkipForward,
  IconX,
} from "@tabler/icons-react";
import classes from "./status.module.css";

type Look = { colour: string; icon: Icon; text: string; why?: string };

const LOOKS: Record<string, Look> = {
  pending: { colour: "gray", icon: IconClock, text: "pending" },
  queued: { colour: "gray", icon: IconClock, text: "queued", why: "A worker will take it soon." },
  scheduled: { colour: "grape", icon: IconCalendarTime, text: "scheduled", why: "It waits for its time." },
  deferred: { colour: "grape", icon: IconPlayerPause, text: "deferred", why: "It waits until somebody executes it." },
  waiting_for_limit: {
    colour: "yellow",
    icon: IconHourglass,
    text: "waits for room",
    why: "A limit of the organisation, the connection or its concurrency key is reached. It starts when another run ends.",
  },
  waiting_for_worker: {
    colour: "orange",
    icon: IconHourglass,
    text: "no worker",
    why: "No worker for this kind is alive. It starts as soon as one is.",
  },
  waiting_for_child: {
    colour: "blue",
    icon: IconHourglass,
    text: "waits for its own",
    why: "It waits for runs that it has started.",
  },
  interrupted: {
    colour: "orange",
    icon: IconAlertTriangle,
    text: "interrupted",
    why: "Its worker went away; another takes it over.",
  },
  retrying: {
    colour: "yellow",
    icon: IconClock,
    text: "retries soon",
    why: "An attempt failed; the next one follows by itself.",
  },
  paused: { colour: "grape", icon: IconPlayerPause, text: "paused", why: "Somebody paused it. Resume lets it go on." },
  cancelling: {
    colour: "orange",
    icon: IconBan,
    text: "cancelling",
    why: "It was told to stop and ends at its next safe point.",
  },
  awaiting_approval: {
    colour: "yellow",
    icon: IconHandStop,
    text: "needs approval",
    why: "Somebody has to approve or reject it.",
  },
  running: { colour: "blue", icon: IconLoader2, text: "running" },
  completed: { colour: "teal", icon: IconCheck, text: "completed" },
  completed_with_errors: {
    colour: "yellow",
    icon: IconAlertTriangle,
    text: "partly completed",
    why: "Some resources failed. Those that succeeded are written; a retry does the rest.",
  },
  failed: { colour: "red", icon: IconX, text: "failed" },
  cancelled: { colour: "gray", icon: IconBan, text: "cancelled" },
  rejected: { colour: "gray", icon: IconHandStop, text: "rejected" },
  waiting: { colour: "gray", icon: IconClock, text: "waiting" },
  skipped: { colour: "gray", icon: IconPlayerSkipForward, text: "skipped" },
  filtered: { colour: "gray", icon: IconFilter, text: "filtered" },
  alive: { colour: "teal", icon: IconCheck, text: "alive" },
  late: { colour: "red", icon: IconAlertTriangle, text: "late", why: "Its last beat is more than 12 seconds old." },
  stopping: { colour: "gray", icon: IconPlayerPause, text: "stopping" },
  gathering: { colour: "gray", icon: IconClock, text: "gathering" },
  sending: { colour: "blue", icon: IconLoader2, text: "sending" },
  sent: { colour: "teal", icon: IconCheck, text: "sent" },
  given_up: { colour: "red", icon: IconX, text: "given up" },
  active: { colour: "teal", icon: IconCheck, text: "enabled" },
  error: { colour: "red", icon: IconAlertTriangle, text: "error" },
};

export const lookOf = (status: string): Look =>
  LOOKS[status] ?? { colour: "gray", icon: IconClock, text: status.replaceAll("_", " ") };

/** Why a run stands where it stands, where its status alone does not say it. */
export const whyOf = (displayStatus: string): string | undefined => lookOf(displayStatus).why;

const LIVE = new Set(["pending", "awaiting_approval", "running"]);
export const isLive = (status: string): boolean => LIVE.has(status);

/** A plain element: a list has one in each row. */
export function StatusBadge({ status, size = "sm" }: { status: string; size?: "sm" | "md" | "lg" }) {
  const look = lookOf(status);
  const Sign = look.icon;
  return (
    <span className={classes.badge} data-tone={look.colour} data-size={size}>
      <Sign size={13} aria-hidden className={status === "running" ? classes.turning : undefined} />
      <span className={classes.word}>{look.text}</span>
    </span>
  );
}
