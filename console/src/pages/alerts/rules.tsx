import { Badge, Stack } from "@mantine/core";
import { IconBell } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { placeOf, rulesQuery, toldName } from "~/shared/alerts/alerts";
import { Count, Listing, Row } from "~/shared/listing/listing";
import { Empty, Failure, Waiting } from "~/shared/states";
import { StatusBadge } from "~/shared/status";

export function Rules() {
  const found = useQuery(rulesQuery);
  const rules = found.data?.alertRules ?? [];
  return (
    <Stack>
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && !found.error && <Waiting />}
      {found.data && rules.length === 0 && (
        <Empty icon={IconBell} title="Nobody is told of anything yet">
          A rule tells people by Slack, Teams, email or a webhook when a run fails, is late or needs approval. An
          administrator makes the first one with New rule.
        </Empty>
      )}
      {rules.length > 0 && (
        <>
          <Count count={rules.length} one="rule" many="rules" />
          <Listing label="Alert rules">
            {rules.map((rule) => (
              <Row key={rule.id} to={`/alerts/${rule.id}`} name={rule.name} about={placeOf(rule)}>
                {rule.tells.map((what) => (
                  <Badge key={what} variant="light" color="gray" tt="none" fw={500}>
                    {toldName(what)}
                  </Badge>
                ))}
                {!rule.isActive && <StatusBadge status="paused" />}
              </Row>
            ))}
          </Listing>
        </>
      )}
    </Stack>
  );
}
