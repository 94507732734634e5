/** Opens a flashboard: the gateway draws it, so it is no page of the console. */
import { Button, type ButtonProps } from "@mantine/core";
import { IconExternalLink } from "@tabler/icons-react";
import { ROOT } from "~/api/root";
import type { Flashboard } from "~/api/types";

type Props = { board: Pick<Flashboard, "path" | "title" | "version">; version?: number; word?: string } & ButtonProps;

export function OpenBoard({ board, version, word = "Open", ...rest }: Props) {
  const query = version === undefined ? "" : `?version=${version}`;
  return (
    <Button
      component="a"
      href={`${ROOT}${board.path}${query}`}
      target="_blank"
      rel="noopener"
      variant="default"
      rightSection={<IconExternalLink size={14} aria-hidden />}
      aria-label={version === undefined ? `Open ${board.title}` : `Open version ${version}`}
      {...rest}
    >
      {word}
    </Button>
  );
}
