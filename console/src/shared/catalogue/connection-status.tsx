import { Badge } from "@mantine/core";

const LOOKS: Record<string, { color: string; text: string }> = {
  active: { color: "teal", text: "active" },
  disabled: { color: "gray", text: "disabled" },
  error: { color: "red", text: "error" },
};

export function ConnectionStatus({ status }: { status: string }) {
  const look = LOOKS[status] ?? { color: "gray", text: status };
  return (
    <Badge color={look.color} variant="dot" tt="none" fw={500}>
      {look.text}
    </Badge>
  );
}
