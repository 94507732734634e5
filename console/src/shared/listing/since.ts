const SECONDS: Record<string, number> = { "1h": 3_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000 };

/** The instant that `since=24h` means, to the minute, so that what is asked stays the same for a while. */
export function sinceOf(value: string | undefined, now: number): string | undefined {
  const seconds = SECONDS[value ?? ""];
  return seconds ? new Date(Math.floor(now / 60_000) * 60_000 - seconds * 1_000).toISOString() : undefined;
}
