import { Group, Stack, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Automation } from "~/api/types";
import { PageLink } from "~/shared/link";
import type { Action } from "./edit";

const MOST = 1_000;

/** The automations whose steps name the action, by its id or its slug; of the first thousand. */
export async function usersOf(action: Action, signal: AbortSignal): Promise<Automation[]> {
  const found: Automation[] = [];
  for (let offset = 0; offset < MOST; offset += 100) {
    const query = { limit: 100, offset };
    const page = await ask(api.GET("/api/v1/automations", { params: { query }, signal }));
    found.push(...(page.automations as Automation[]).filter((each) => names(each, action)));
    if (!page.hasNext) break;
  }
  return found;
}

const names = (automation: Automation, action: Action): boolean =>
  automation.steps.some(({ action: step }) =>
    [step.action_id, step.actionId, step.slug].some((each) => each === action.id || each === action.slug),
  );

export function UsedBy({ action }: { action: Action }) {
  const { data } = useQuery({ queryKey: ["used-by", action.id], queryFn: ({ signal }) => usersOf(action, signal) });
  if (!data?.length) return null;
  return (
    <Stack gap="xs">
      <Title order={2}>Automations that run it</Title>
      <Group gap="md">
        {data.map((each) => (
          <PageLink key={each.id} to={`/automations/${each.id}`}>
            {each.name}
          </PageLink>
        ))}
      </Group>
    </Stack>
  );
}
