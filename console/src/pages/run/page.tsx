import { Page } from "~/shared/page";

export default function RunPage() {
  return <Page title="Run">…</Page>;
}
