import { Button } from "@mantine/core";

/** Asks before it rejects. `what` is read aloud with it; `refusal` says why the viewer may not. */
export function RejectButton({ what, refusal, go }: { what: string; refusal: string | undefined; go: () => void }) {
  return (
    <Button
      variant="default"
      size="xs"
      disabled={refusal !== undefined}
      title={refusal}
      onClick={go}
      aria-label={`Reject ${what}`}
    >
      Reject
    </Button>
  );
}
