/** A thread with the branch that is shown, and what people do with it. */
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Message, Schemas, Thread, User } from "~/api/types";
import { queries } from "~/app/queries";
import { isLive } from "~/shared/status";
import { tellRefused } from "~/shared/tell";

export type Post = Schemas["MessageBody"];

export function useThread(id: string) {
  const path = { thread_id: id };
  return useQuery({
    queryKey: ["thread", id],
    queryFn: ({ signal }) => ask<Thread>(api.GET("/api/v1/chat/threads/{thread_id}", { params: { path }, signal })),
    refetchInterval: 5_000, // somebody else may write in it
  });
}

/** The messages of the branch, the oldest first. */
export function useMessages(id: string, head: string | null) {
  const found = useInfiniteQuery({
    queryKey: ["messages", id, head],
    queryFn: ({ pageParam, signal }) => {
      const query = pageParam ? { cursor: pageParam, limit: 30 } : { branch: head, limit: 30 };
      const params = { path: { thread_id: id }, query };
      return ask(api.GET("/api/v1/chat/threads/{thread_id}/messages", { params, signal }));
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (query.state.data?.pages.some(answers) ? 10_000 : false),
  });
  const pages = found.data?.pages ?? [];
  const messages = pages.flatMap((page) => page.messages).reverse();
  const users: Record<string, User> = Object.assign({}, ...pages.map((page) => page.users));
  return { ...found, messages, users };
}

const answers = (page: Schemas["MessagesShape"]): boolean => page.messages.some(isAnswered);

/** Whether its answer is under way. */
export const isAnswered = (message: Message): boolean => !!message.answer && isLive(message.answer.status);

const look = (): Promise<unknown> =>
  Promise.all(["thread", "threads", "messages"].map((key) => queries.invalidateQueries({ queryKey: [key] })));

export function usePost(id: string) {
  return useMutation({
    mutationFn: (body: Post) =>
      ask(api.POST("/api/v1/chat/threads/{thread_id}/messages", { params: { path: { thread_id: id } }, body })),
    onSettled: look,
  });
}

export function useStop(id: string) {
  return useMutation({
    mutationFn: () => ask(api.POST("/api/v1/chat/threads/{thread_id}/stop", { params: { path: { thread_id: id } } })),
    onError: tellRefused,
    onSettled: look,
  });
}

export function useChange(id: string) {
  return useMutation({
    mutationFn: (body: Schemas["ThreadPatch"]) =>
      ask(api.PATCH("/api/v1/chat/threads/{thread_id}", { params: { path: { thread_id: id } }, body })),
    onError: tellRefused,
    onSettled: look,
  });
}

/** Which head a branch had when it was left, so that going back to one of its messages shows what followed, too. */
const ENDS = new Map<string, string>();

export function leaveBranch(messages: Message[], head: string | null): void {
  for (const message of messages) if (head) ENDS.set(message.id, head);
}

export const endOf = (message: string): string => ENDS.get(message) ?? message;
