import { Alert, Badge, Group, Text } from "@mantine/core";
import { IconAlertTriangle, IconHistory } from "@tabler/icons-react";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";
import { Listing, Row, ShowMore, usePages } from "~/shared/listing/listing";
import { Empty, Failure, Waiting } from "~/shared/states";
import { Time } from "~/shared/time";

type Check = Schemas["WriteShape"]["checks"][number];

/** What runs wrote into the table, newest first. */
export function Versions({ id }: { id: string }) {
  const { list, pages } = usePages(["versions", id], (query, signal) =>
    ask(api.GET("/api/v1/datasets/{dataset}/versions", { params: { path: { dataset: id }, query }, signal })),
  );
  const writes = pages.flatMap((page) => page.versions);
  if (list.error) return <Failure error={list.error} retry={() => void list.refetch()} />;
  if (!list.data) return <Waiting />;
  if (writes.length === 0) {
    return (
      <Empty icon={IconHistory} title="No write is known">
        Writes are told from the next run on.
      </Empty>
    );
  }
  return (
    <>
      <Listing label="Versions">
        {writes.map((write) => (
          <Row
            key={`${write.runId} ${write.writtenAt}`}
            to={`/runs/${write.runId}`}
            name={write.version === null ? `${write.rows.toLocaleString()} rows` : `Version ${write.version}`}
            about={aboutOf(write)}
          >
            {write.changes.length > 0 && (
              <Badge color="blue" variant="light" tt="none" title={JSON.stringify(write.changes)}>
                {write.changes.length} {write.changes.length === 1 ? "change" : "changes"} of columns
              </Badge>
            )}
            <Passed checks={write.checks} />
            <Text span c="dimmed" size="xs">
              <Time at={write.writtenAt} />
            </Text>
          </Row>
        ))}
      </Listing>
      <ShowMore list={list} />
    </>
  );
}

const aboutOf = (write: Schemas["WriteShape"]): string =>
  [
    write.version === null ? undefined : `${write.rows.toLocaleString()} rows written`,
    write.tableRows === null ? undefined : `${write.tableRows.toLocaleString()} in the table`,
    write.action?.name,
    write.automation?.name,
    write.connection?.name,
  ]
    .filter(Boolean)
    .join(" · ");

const isGood = (check: Check): boolean => check.passed === true;

function Passed({ checks }: { checks: Check[] }) {
  if (checks.length === 0) return null;
  const good = checks.filter(isGood).length;
  return (
    <Badge color={good === checks.length ? "teal" : "yellow"} variant="light" tt="none">
      {good} of {checks.length} checks passed
    </Badge>
  );
}

/** The checks of the last write: those that did not pass first, and in words. */
export function Checks({ checks }: { checks: Check[] }) {
  const bad = checks.filter((check) => !isGood(check));
  if (checks.length === 0) return null;
  if (bad.length === 0) {
    return (
      <Group>
        <Passed checks={checks} />
      </Group>
    );
  }
  return (
    <Alert
      color="yellow"
      icon={<IconAlertTriangle aria-hidden />}
      title={`${bad.length} of ${checks.length} checks did not pass`}
    >
      {bad.map((check, index) => (
        <Text key={`${String(check.name)} ${index}`} size="sm">
          {String(check.name ?? check.type ?? "check")}: {String(check.message ?? JSON.stringify(check))}
        </Text>
      ))}
    </Alert>
  );
}
