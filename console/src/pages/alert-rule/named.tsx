/** Actions or automations that a rule is about: looked for by name among all, shown by name. */
import { MultiSelect } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQueries, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";

type Named = { id: string; name: string };
type Of = { many: (q: string, signal: AbortSignal) => Promise<Named[]>; one: (id: string) => Promise<Named> };

export const ACTIONS: Of = {
  many: async (q, signal) =>
    (await ask(api.GET("/api/v1/actions", { params: { query: { q: q || null, limit: 50 } }, signal }))).actions,
  one: (id) => ask(api.GET("/api/v1/actions/{action_id}", { params: { path: { action_id: id } } })),
};

export const AUTOMATIONS: Of = {
  many: async (q, signal) =>
    (await ask(api.GET("/api/v1/automations", { params: { query: { q: q || undefined, limit: 50 } }, signal })))
      .automations,
  one: (id) => ask(api.GET("/api/v1/automations/{automation_id}", { params: { path: { automation_id: id } } })),
};

type Props = { label: string; of: Of; value: string[]; change: (ids: string[]) => void; error?: string };

export function NamedSelect({ label, of, value, change, error }: Props) {
  const [text, setText] = useState("");
  const [q] = useDebouncedValue(text, 250);
  const found = useQuery({
    queryKey: ["named", label, q],
    queryFn: ({ signal }) => of.many(q, signal),
    placeholderData: keepPreviousData,
  });
  const listed = found.data ?? [];
  const chosen = useQueries({
    queries: value.map((id) => ({ queryKey: ["named", label, "one", id], queryFn: () => of.one(id), retry: false })),
  });
  const names = new Map(listed.map(({ id, name }) => [id, name]));
  value.forEach((id, place) => {
    names.set(id, chosen[place]?.data?.name ?? names.get(id) ?? id);
  });
  return (
    <MultiSelect
      label={label}
      placeholder={value.length ? undefined : "any"}
      searchable
      clearable
      clearButtonProps={{ "aria-label": `Any: ${label.toLowerCase()}` }}
      nothingFoundMessage="Nothing is called like this"
      searchValue={text}
      onSearchChange={setText}
      data={[...names].map(([id, name]) => ({ value: id, label: name }))}
      value={value}
      onChange={change}
      error={error}
    />
  );
}
