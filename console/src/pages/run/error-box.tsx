import { Alert, Code, Group, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { Run } from "~/api/types";
import { Json } from "~/shared/json";

/** What to do about each code (document 000, "Error Codes"). */
const ADVICE: Record<string, string> = {
  CONNECTION_ERROR:
    "The other side could not be reached. Test the connection, then retry: it goes on where it stopped.",
  AUTH_ERROR: "The credentials were refused. Set new ones on the connection, then retry.",
  RATE_LIMITED: "The other side asked to slow down. Retry later, or lower the connection's limit.",
  DATA_ERROR: "The data or the definition is wrong. Correct it, then run again.",
  TIMEOUT: "It took longer than allowed. Retry, or ask for less at once.",
  INTERNAL_ERROR: "That should not happen. Retry; if it comes again, look at the log and report it.",
};

export function ErrorBox({ run }: { run: Run }) {
  const error = run.error ?? {};
  const code = String(error.code ?? "");
  const details = error.details as Record<string, unknown> | undefined;
  const partial = run.status === "completed";
  return (
    <Alert
      color={partial ? "yellow" : "red"}
      icon={<IconAlertTriangle aria-hidden />}
      title={
        <Text component="span" fw={600} style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
          {String(error.message ?? "It failed and does not say why.")}
        </Text>
      }
    >
      <Group gap="xs" mb={details && Object.keys(details).length ? "xs" : 0}>
        {code && <Code>{code}</Code>}
        <Text size="sm">{ADVICE[code] ?? ""}</Text>
      </Group>
      {details && Object.keys(details).length > 0 && <Json value={details} label="the details of the error" />}
    </Alert>
  );
}
