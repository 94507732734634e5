/** A value of the API as text, with a way to copy it. Large ones are cut for the eye, and copied whole. */
import { ActionIcon, Box, CopyButton, ScrollArea, Text, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useMemo } from "react";
import classes from "./json.module.css";

const MOST = 200_000;

export function Copy({ value, label }: { value: string; label: string }) {
  return (
    <CopyButton value={value} timeout={1_500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? "Copied" : label}>
          <ActionIcon variant="subtle" color={copied ? "teal" : "gray"} onClick={copy} aria-label={label}>
            {copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}

export function Json({ value, label }: { value: unknown; label: string }) {
  const text = useMemo(() => JSON.stringify(value, null, 2) ?? "", [value]);
  const cut = text.length > MOST;
  return (
    <Box className={classes.box}>
      <Box className={classes.copy}>
        <Copy value={text} label={`Copy ${label}`} />
      </Box>
      <ScrollArea.Autosize mah={480} viewportProps={{ tabIndex: 0, role: "region", "aria-label": label }}>
        <pre className={classes.text}>{cut ? text.slice(0, MOST) : text}</pre>
      </ScrollArea.Autosize>
      {cut && (
        <Text size="xs" c="dimmed" p="xs">
          Only the beginning is shown ({text.length.toLocaleString()} characters). Copying copies all of it.
        </Text>
      )}
    </Box>
  );
}
