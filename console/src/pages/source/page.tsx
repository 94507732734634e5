import { Badge, Paper, ScrollArea, Table, Text } from "@mantine/core";
import type { Schemas } from "~/api/types";
import { useRefusal } from "~/app/me";
import { usePart } from "~/app/navigate";
import { useSource } from "~/shared/catalogue/queries";
import { Facts } from "~/shared/facts";
import { LinkButton } from "~/shared/link";
import { Page } from "~/shared/page";
import { Failure, Waiting } from "~/shared/states";
import { duration } from "~/shared/time";

export default function SourcePage() {
  const { data, error, refetch } = useSource(usePart("name"));
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  if (!data) return <Waiting />;
  return (
    <Page title={data.title} actions={data.available && <Make source={data} />}>
      <Text>{data.description}</Text>
      <Facts
        facts={[
          ["Name in definitions", data.name],
          ["Connection", data.takesConnection ? "needed or possible" : "none"],
          ["From the package", data.package],
          ["State", data.available ? "can be used" : "still to come"],
        ]}
      />
      {data.resources.length > 0 && <Resources resources={data.resources} />}
    </Page>
  );
}

function Make({ source }: { source: Schemas["SourceDetailShape"] }) {
  const operator = useRefusal("operator");
  const admin = useRefusal("admin");
  const provider = source.name === "sql_database" ? undefined : { provider: source.name };
  return (
    <>
      {source.takesConnection && !admin && (
        <LinkButton size="xs" variant="default" to="/connections/new" search={provider}>
          New connection
        </LinkButton>
      )}
      {!operator && (
        <LinkButton size="xs" to="/actions/new" search={{ kind: "dlt_extract", source: source.name }}>
          New action
        </LinkButton>
      )}
    </>
  );
}

function Resources({ resources }: { resources: Schemas["ResourceTypeShape"][] }) {
  return (
    <Paper withBorder>
      <ScrollArea viewportProps={{ tabIndex: 0, role: "region", "aria-label": "Tables of the source" }}>
        <Table miw={720} verticalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Table</Table.Th>
              <Table.Th>Size (XS to XL)</Table.Th>
              <Table.Th>Read onwards by</Table.Th>
              <Table.Th>Key</Table.Th>
              <Table.Th>Saved every</Table.Th>
              <Table.Th>Between requests</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {resources.map((each) => (
              <Table.Tr key={each.name}>
                <Table.Td>
                  <Text size="sm" fw={550}>
                    {each.name}
                  </Text>
                  <Text size="xs" c="dimmed">
                    {each.description}
                  </Text>
                </Table.Td>
                <Table.Td>
                  <Badge variant="light" color="gray">
                    {each.size}
                  </Badge>
                </Table.Td>
                <Table.Td>{each.cursor ?? "all anew"}</Table.Td>
                <Table.Td>{each.primaryKey.join(", ") || "–"}</Table.Td>
                <Table.Td>{each.sliceDays ? `${each.sliceDays} days` : "–"}</Table.Td>
                <Table.Td>{each.secondsBetweenRequests ? duration(each.secondsBetweenRequests) : "–"}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollArea>
    </Paper>
  );
}
