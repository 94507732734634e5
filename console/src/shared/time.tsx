/** Times in the zone of whoever looks, with the exact UTC on hover; and durations in words. */
import { useSyncExternalStore } from "react";

let now = Date.now();
const watchers = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  for (const tell of watchers) tell();
}, 1_000);

/** The time of day, once a second, for all that shows how long something lasts. */
export function useNow(): number {
  return useSyncExternalStore(watch, () => now);
}

function watch(tell: () => void): () => void {
  watchers.add(tell);
  return () => watchers.delete(tell);
}

const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const SECOND = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

let written = { second: Number.NaN, text: "" };

/** Lines of a log come many in a second: each second is written once. */
export function clock(time: string): string {
  const second = Math.floor(Date.parse(time) / 1_000);
  if (second !== written.second) written = { second, text: CLOCK.format(new Date(time)) };
  return written.text;
}

export const whole = (time: string): string => WHOLE.format(new Date(time));

/** `2m 5s`, from seconds. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3_600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return `${minutes} min ${whole % 60} s`;
}

/** `3 min ago`, `in 2 h`. */
export function ago(time: string, at: number): string {
  const seconds = (at - new Date(time).getTime()) / 1_000;
  const far = Math.abs(seconds);
  if (far < 5) return "now";
  const [count, unit] =
    far < 60 ? [far, "s"] : far < 3_600 ? [far / 60, "min"] : far < 86_400 ? [far / 3_600, "h"] : [far / 86_400, "d"];
  const text = `${Math.floor(count as number)} ${unit}`;
  return seconds >= 0 ? `${text} ago` : `in ${text}`;
}

const FORMATS = { clock: CLOCK, day: DAY, second: SECOND };

/**
 * A time; `as`: how far it is from now, its clock, its day and clock, or these to the second. It looks as the text around
 * it. Lists have hundreds, and few of them change in a second: a plain element, drawn again when its text is another one.
 */
export function Time({ at, as = "ago" }: { at: string; as?: "ago" | keyof typeof FORMATS }) {
  const text = useSyncExternalStore(watch, () => (as === "ago" ? ago(at, now) : FORMATS[as].format(new Date(at))));
  return (
    <time dateTime={at} title={`${new Date(at).toISOString()} (${whole(at)})`}>
      {text}
    </time>
  );
}

/** How long something took, or takes until now. */
export function Lasting({ from, to }: { from: string; to: string | null }) {
  const began = new Date(from).getTime();
  const end = useSyncExternalStore(watch, () => (to ? new Date(to).getTime() : Math.max(now, began)));
  return <>{duration((end - began) / 1_000)}</>;
}
