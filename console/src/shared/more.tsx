/** The button that shows the next page of a list, where there is one. */
import { Button, Group } from "@mantine/core";

type Found = { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => Promise<unknown> };

export function More({ found }: { found: Found }) {
  if (!found.hasNextPage) return null;
  return (
    <Group>
      <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
        Show more
      </Button>
    </Group>
  );
}
