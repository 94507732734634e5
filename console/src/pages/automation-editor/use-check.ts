/** Reads the text while somebody types, and asks the API what it says to it: faults and warnings at their places. */
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, ask } from "~/api/client";
import { Problem } from "~/api/problem";
import type { Schemas } from "~/api/types";
import { type Parsed, parse, rangeOf } from "~/shared/code/document";
import type { Mark } from "~/shared/code/types";
import { withoutMarks } from "./text";

type Detail = { loc?: (string | number)[]; msg?: string };

export function useCheck(text: string) {
  const [settled] = useDebouncedValue(text, 350);
  const parsed = useMemo(() => parse(settled), [settled]);
  const body = useMemo(() => bodyOf(parsed), [parsed]);
  const sent = useMemo(() => JSON.stringify(withoutMarks(body)), [body]);
  const answer = useQuery({
    queryKey: ["validate", sent],
    queryFn: ({ signal }) =>
      ask<Schemas["ValidShape"]>(api.POST("/api/v1/automations/validate", { body: JSON.parse(sent), signal })),
    enabled: body !== undefined,
    retry: (failures, error) =>
      failures < 2 && !(error instanceof Problem && error.status >= 400 && error.status < 500),
    gcTime: 10_000,
    staleTime: 10_000,
    refetchOnWindowFocus: false,
  });
  const marks = useMemo(() => {
    if (parsed.marks.length) return parsed.marks;
    if (body === undefined) {
      return [
        { from: 0, to: 1, severity: "error", message: "An automation is an object: begin with `name:`." } as Mark,
      ];
    }
    const refused =
      answer.error instanceof Problem ? answer.error.details.map((each) => markOf(parsed, each, "error")) : [];
    const warned = (answer.data?.warnings ?? []).map((each) => markOf(parsed, each, "warning"));
    return [...refused, ...warned];
  }, [parsed, body, answer.data, answer.error]);
  const failed =
    answer.error && !(answer.error instanceof Problem && answer.error.details.length) ? answer.error : undefined;
  return {
    parsed,
    body,
    marks,
    failed,
    nextRuns: answer.data?.nextRuns ?? [],
    isValid: body !== undefined && answer.data !== undefined && text === settled,
    isChecking: text !== settled || (body !== undefined && answer.isPending),
  };
}

export type Body = Record<string, unknown>;

export function bodyOf(parsed: Parsed): Body | undefined {
  const { value } = parsed;
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Body) : undefined;
}

export function markOf(parsed: Parsed, { loc = [], msg = "" }: Detail, severity: Mark["severity"]): Mark {
  const place = loc[0] === "body" ? loc.slice(1) : loc;
  const [from, to] = rangeOf(parsed, place);
  const named = place.filter((part) => typeof part === "string").at(-1);
  return { from, to: Math.max(to, from + 1), severity, message: named ? `${place.join(".")}: ${msg}` : msg };
}
