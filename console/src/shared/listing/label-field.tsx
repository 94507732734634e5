import { TextInput } from "@mantine/core";
import { useEffect, useState } from "react";

/** Labels to look for, `team=finance`, with spaces between them. */
export function LabelField({ value, change }: { value: string[]; change: (labels: string[]) => void }) {
  const [text, setText] = useState(value.join(" "));
  const joined = value.join(" ");
  useEffect(() => setText(joined), [joined]);
  const send = (): void => change(text.split(/\s+/).filter(Boolean));
  return (
    <TextInput
      aria-label="Labels"
      placeholder="Labels: team=finance"
      size="xs"
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={send}
      onKeyDown={(event) => event.key === "Enter" && send()}
    />
  );
}
