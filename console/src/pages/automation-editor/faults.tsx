import { Anchor, Group, List, Text } from "@mantine/core";
import { IconAlertCircle, IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { lineAt } from "~/shared/code/document";
import type { Mark } from "~/shared/code/types";
import { Failure } from "~/shared/states";
import { Time } from "~/shared/time";
import type { useCheck } from "./use-check";

const SHOWN = 20;
type Props = { check: ReturnType<typeof useCheck>; marks: Mark[]; goTo: (position: number) => void };

/** What the API says to the text, each with its line, which leads there. */
export function Faults({ check, marks, goTo }: Props) {
  if (check.failed) return <Failure error={check.failed} />;
  return (
    <div aria-live="polite">
      {marks.length === 0 && (
        <Group gap={6} mt="xs">
          {check.isChecking || !check.isValid ? (
            <Text size="sm" c="dimmed">
              Checking…
            </Text>
          ) : (
            <>
              <IconCircleCheck size={17} color="var(--mantine-color-teal-6)" aria-hidden />
              <Text size="sm">Nothing is wrong with it.</Text>
            </>
          )}
        </Group>
      )}
      {marks.length > 0 && (
        <List mt="xs" size="sm" spacing={4} listStyleType="none">
          {marks.slice(0, SHOWN).map((mark) => (
            <List.Item
              key={`${mark.from} ${mark.message}`}
              icon={
                mark.severity === "error" ? (
                  <IconAlertCircle size={17} color="var(--mantine-color-red-6)" aria-label="Error" />
                ) : (
                  <IconAlertTriangle size={17} color="var(--mantine-color-yellow-7)" aria-label="Warning" />
                )
              }
            >
              <Anchor component="button" type="button" size="sm" ta="left" onClick={() => goTo(mark.from)}>
                Line {lineAt(check.parsed, mark.from)}
              </Anchor>{" "}
              <Text span size="sm" style={{ overflowWrap: "anywhere" }}>
                {mark.message}
              </Text>
            </List.Item>
          ))}
          {marks.length > SHOWN && <List.Item>and {marks.length - SHOWN} more</List.Item>}
        </List>
      )}
      {check.nextRuns.length > 0 && (
        <Text size="xs" c="dimmed" mt={4}>
          It would fire next{" "}
          {check.nextRuns.map((at, index) => (
            <span key={at}>
              {index > 0 && ", "}
              <Time at={at} as="day" />
            </span>
          ))}
          .
        </Text>
      )}
    </div>
  );
}
