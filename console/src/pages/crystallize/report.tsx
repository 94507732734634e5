/** The steps, and why each part of the automation is as it is. */
import { Alert, Badge, Group, List, Paper, Stack, Table, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import type { Crystallized } from "~/api/types";
import { kindName } from "~/shared/runs";

type Row = Record<string, unknown>;
type Step = { key: string; action?: Row; depends_on?: unknown[] };

export function Report({ made }: { made: Crystallized }) {
  const { report, warnings } = made;
  return (
    <Stack>
      {warnings.length > 0 && (
        <Alert
          color="yellow"
          styles={{ title: { color: "var(--mantine-color-text)" } }}
          title="It can be saved, but may not work as it is"
        >
          <List size="sm">
            {warnings.map((each) => (
              <List.Item key={each.loc.join(".") + each.msg}>{each.msg}</List.Item>
            ))}
          </List>
        </Alert>
      )}
      <Steps
        steps={(made.body.steps ?? []) as Step[]}
        models={new Set(report.needsModel.map((each) => text(each.step)))}
      />
      <Part
        title="Inputs"
        rows={report.inputs}
        columns={[
          ["name", "Input"],
          ["why", "Why"],
        ]}
      />
      <Part
        title="Values that come from earlier steps"
        rows={report.references}
        columns={[
          ["step", "Step"],
          ["place", "Place"],
          ["value", "Value of this time"],
          ["why", "Why"],
        ]}
      />
      <Part
        title="Not sure"
        about="Values that equal one of a result, perhaps by chance. They stay as they are."
        rows={report.unsure}
        columns={[
          ["step", "Step"],
          ["place", "Place"],
          ["value", "Value"],
          ["why", "Why"],
        ]}
      />
      <Part
        title="Still needs a model"
        rows={report.needsModel}
        columns={[
          ["step", "Step"],
          ["why", "Why"],
        ]}
      />
      <Part
        title="Left out"
        rows={report.leftOut}
        columns={[
          ["tool", "Call"],
          ["turn", "Turn"],
          ["why", "Why"],
        ]}
      />
      {(report.notes.length > 0 || report.unusedParameters.length > 0) && (
        <Paper withBorder p="md">
          <Title order={2} mb="xs">
            Notes
          </Title>
          <List size="sm" spacing={4}>
            {report.unusedParameters.map((name) => (
              <List.Item key={name}>The value of {name} stands in no call.</List.Item>
            ))}
            {report.notes.map((note) => (
              <List.Item key={note}>{note}</List.Item>
            ))}
          </List>
        </Paper>
      )}
    </Stack>
  );
}

function Steps({ steps, models }: { steps: Step[]; models: Set<string> }) {
  return (
    <Paper withBorder p="md" component="section" aria-label="Steps">
      <Title order={2} mb="xs">
        Steps
      </Title>
      <Stack gap="xs" component="ol" style={{ margin: 0, paddingLeft: 22 }}>
        {steps.map((step) => (
          <li key={step.key}>
            <Group gap="xs">
              <Text fw={600} size="sm" style={{ overflowWrap: "anywhere" }}>
                {step.key}
              </Text>
              <Text size="sm" c="dimmed">
                {kindName(text(step.action?.kind ?? step.action?.action_id ?? ""))}
              </Text>
              {models.has(step.key) ? (
                <Badge color="yellow" variant="outline" tt="none" c="light-dark(#7a4d00, #ffd66b)">
                  needs a model
                </Badge>
              ) : null}
            </Group>
            <Text size="xs" c="dimmed">
              {behind(step)}
            </Text>
          </li>
        ))}
      </Stack>
    </Paper>
  );
}

function behind(step: Step): string {
  const waits = (step.depends_on ?? []).map((each) =>
    text(typeof each === "object" && each ? (each as Row).step : each),
  );
  return waits.length > 0 ? `waits for ${waits.join(", ")}` : "begins at once";
}

type PartProps = { title: string; about?: string; rows: Row[]; columns: [string, string][] };

function Part({ title, about, rows, columns }: PartProps) {
  if (rows.length === 0) return null;
  const shown = columns.filter(([key]) => rows.some((row) => row[key] !== undefined));
  return (
    <Paper withBorder p="md" component="section" aria-label={title}>
      <Title order={2} mb={4}>
        {title}
      </Title>
      {about && (
        <Text size="sm" c="dimmed">
          {about}
        </Text>
      )}
      <Table.ScrollContainer
        minWidth={shown.length > 2 ? 560 : 280}
        scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}
      >
        <Table verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              {shown.map(([key, word]) => (
                <Table.Th key={key}>{word}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={JSON.stringify(row)}>
                {shown.map(([key]) => (
                  <Table.Td key={key} style={{ overflowWrap: "anywhere" }}>
                    {cell(row[key])}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Paper>
  );
}

const text = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));

function cell(value: unknown): ReactNode {
  const said = text(value);
  return said.length > 300 ? `${said.slice(0, 299)}…` : said;
}
