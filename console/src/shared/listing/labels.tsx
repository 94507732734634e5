import { Badge } from "@mantine/core";

/** Labels as they are looked for: `team=finance`. */
export function Labels({ labels }: { labels: Record<string, string> }) {
  return (
    <>
      {Object.entries(labels).map(([name, value]) => (
        <Badge key={name} variant="light" color="gray" tt="none" fw={500} maw={240}>
          {name}={value}
        </Badge>
      ))}
    </>
  );
}
