import { Anchor, type AnchorProps, Button, type ButtonProps } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Search } from "~/app/search";

type Target = { to: string; search?: Search; children?: ReactNode; "aria-label"?: string; title?: string };

/** A link to another page of the console. */
export function PageLink({ to, search, ...rest }: Target & AnchorProps) {
  const target = (search ?? {}) as never;
  return <Anchor renderRoot={(props) => <Link to={to} search={target} {...props} />} {...rest} />;
}

export function LinkButton({ to, search, ...rest }: Target & ButtonProps) {
  const target = (search ?? {}) as never;
  return <Button renderRoot={(props) => <Link to={to} search={target} {...props} />} {...rest} />;
}

/** A file of the API, kept under this name. */
export function FileLink({ href, name, children }: { href: string; name: string; children: ReactNode }) {
  return (
    <Button
      size="xs"
      variant="default"
      component="a"
      href={href}
      download={name}
      leftSection={<IconDownload size={14} aria-hidden />}
      aria-label={`Download ${name}`}
    >
      {children}
    </Button>
  );
}
