import { Page } from "~/shared/page";

export default function ApprovalsPage() {
  return <Page title="Approvals">…</Page>;
}
