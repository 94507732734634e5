import { memo } from "react";
import type { LogEntry } from "~/api/types";
import { clock } from "~/shared/time";
import classes from "./log.module.css";

const LINK = /https?:\/\/[^\s"'<>)\]]+/g;

type Props = { entry: LogEntry; open: boolean; toggle: (id: string) => void };

/** One entry: a line, and folded behind it the other lines of its message and its data. */
export const LogLine = memo(function LogLine({ entry, open, toggle }: Props) {
  const [first = "", ...others] = entry.message.split("\n");
  const foldable = others.length > 0 || Object.keys(entry.data).length > 0;
  return (
    <div className={classes.line} data-level={entry.level}>
      <button
        type="button"
        className={classes.fold}
        disabled={!foldable}
        aria-expanded={foldable ? open : undefined}
        aria-label={`${open ? "Fold" : "Unfold"} ${entry.event}`}
        onClick={() => toggle(entry.id)}
      >
        {foldable ? (open ? "▾" : "▸") : ""}
      </button>
      <time className={classes.time} dateTime={entry.occurredAt} title={entry.occurredAt}>
        {clock(entry.occurredAt)}
      </time>
      <span className={classes.level}>{entry.level}</span>
      <span className={classes.message}>
        {linked(first)}
        {others.length > 0 && !open && <span className={classes.rest}> +{others.length} lines</span>}
        {open && others.length > 0 && <span className={classes.others}>{linked(others.join("\n"))}</span>}
        {open && Object.keys(entry.data).length > 0 && (
          <span className={classes.data}>{JSON.stringify(entry.data, null, 2)}</span>
        )}
      </span>
      <span className={classes.event}>{entry.event}</span>
    </div>
  );
});

/** Addresses of the web as links; everything else as text. */
function linked(text: string): React.ReactNode {
  const parts: React.ReactNode[] = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    parts.push(text.slice(from, match.index));
    parts.push(
      <a key={match.index} href={match[0]} target="_blank" rel="noreferrer noopener">
        {match[0]}
      </a>,
    );
    from = match.index + match[0].length;
  }
  parts.push(text.slice(from));
  return parts;
}
