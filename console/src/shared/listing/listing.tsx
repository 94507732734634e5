/** A list of things with pages of their own: rows on a wide screen, cards on a narrow one. */
import { Button, Group, Text } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { PageLink } from "~/shared/link";
import classes from "./listing.module.css";

const PAGE = 50;

type Answer = { hasNext: boolean; limit: number; offset: number; total: number };

/** Pages of a list that counts by offset, fifty at a time. */
export function usePages<T extends Answer>(
  queryKey: readonly unknown[],
  get: (page: { limit: number; offset: number }, signal: AbortSignal) => Promise<T>,
) {
  const list = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => get({ limit: PAGE, offset: pageParam }, signal),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.hasNext ? last.offset + last.limit : null),
    placeholderData: keepPreviousData,
  });
  return { list, pages: list.data?.pages ?? [], total: list.data?.pages[0]?.total ?? 0 };
}

export function Listing({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ul className={classes.list} aria-label={label}>
      {children}
    </ul>
  );
}

type RowProps = { to: string; name: string; about?: ReactNode; children?: ReactNode };

/** One row: its name leads to its page, `about` stands under it, and what else there is beside. */
export function Row({ to, name, about, children }: RowProps) {
  return (
    <li className={classes.row}>
      <div className={classes.what}>
        <PageLink to={to} className={classes.name}>
          {name}
        </PageLink>
        {about && (
          <Text size="xs" c="dimmed" component="div" className={classes.about}>
            {about}
          </Text>
        )}
      </div>
      {children && <div className={classes.beside}>{children}</div>}
    </li>
  );
}

type MoreProps = { list: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown } };

export function ShowMore({ list }: MoreProps) {
  if (!list.hasNextPage) return null;
  return (
    <Group justify="center">
      <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
        Show more
      </Button>
    </Group>
  );
}

/** `12 actions`. */
export function Count({ count, one, many }: { count: number | undefined; one: string; many: string }) {
  return (
    <Text size="sm" c="dimmed" aria-live="polite">
      {count === undefined ? " " : `${count.toLocaleString()} ${count === 1 ? one : many}`}
    </Text>
  );
}
