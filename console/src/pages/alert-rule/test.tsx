/** A test message: sent once, and what became of it. */
import { Alert, Button } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { messageOf } from "~/api/problem";
import { useRefusal } from "~/app/me";
import { lookAgain, placeOf, type Rule } from "~/shared/alerts/alerts";

const over = (status: string | undefined): boolean => status === "sent" || status === "given_up";

export function useTest(rule: Rule) {
  const send = useMutation({
    mutationFn: () => ask(api.POST("/api/v1/alert-rules/{rule_id}/test", { params: { path: { rule_id: rule.id } } })),
    onSuccess: lookAgain,
  });
  const id = send.data?.id;
  const seen = useQuery({
    queryKey: ["alerts", "one", id],
    queryFn: ({ signal }) =>
      ask(api.GET("/api/v1/alerts/{alert_id}", { params: { path: { alert_id: id as string } }, signal })),
    enabled: id !== undefined,
    refetchInterval: (query) => (over(query.state.data?.status) ? false : 500),
  });
  const alert = id === undefined ? undefined : (seen.data ?? send.data);
  return { send, alert, error: send.error ?? seen.error, place: placeOf(rule) };
}

type Test = ReturnType<typeof useTest>;

export function TestButton({ rule, test }: { rule: Rule; test: Test }) {
  const refusal = useRefusal("operator") ?? (rule.isActive ? undefined : "A paused rule sends nothing.");
  const busy = test.send.isPending || (test.alert !== undefined && !over(test.alert.status) && !test.error);
  return (
    <Button
      variant="default"
      loading={busy}
      disabled={refusal !== undefined}
      title={refusal}
      onClick={() => test.send.mutate()}
    >
      Send a test
    </Button>
  );
}

export function TestOutcome({ test }: { test: Test }) {
  const { alert, error, place } = test;
  if (error) return <Alert color="red" role="alert" title={messageOf(error)} />;
  if (!alert) return null;
  if (alert.status === "sent") return <Alert color="teal" role="status" title={`The test has arrived: ${place}`} />;
  if (alert.status === "given_up") {
    const why = alert.error?.message;
    return (
      <Alert color="red" role="alert" title="The test did not arrive">
        {typeof why === "string" ? why : "No reason is known."}
      </Alert>
    );
  }
  return <Alert color="blue" role="status" title={`The test is on its way: ${place}`} />;
}
