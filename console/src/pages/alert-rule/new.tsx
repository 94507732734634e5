/** A new alert rule. */
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import { useRefusal } from "~/app/me";
import { useGo } from "~/app/navigate";
import { lookAgain } from "~/shared/alerts/alerts";
import { Page } from "~/shared/page";
import { tell } from "~/shared/tell";
import { channelBody, type Draft, NEW, NO_CHANNEL, ruleBody } from "./draft";
import { RuleForm } from "./form";

export default function NewRulePage() {
  const [draft, setDraft] = useState<Draft>(NEW);
  const go = useGo();
  const refusal = useRefusal("admin");
  const make = useMutation({
    mutationFn: () => {
      const body = { ...ruleBody(draft), channel: channelBody(draft.channel ?? NO_CHANNEL) };
      return ask(api.POST("/api/v1/alert-rules", { body }));
    },
    onSuccess: async (made) => {
      await lookAgain();
      tell("The rule is made. Send a test to see that it arrives.");
      go(`/alerts/${made.id}`);
    },
  });
  return (
    <Page title="New alert rule">
      <RuleForm
        draft={draft}
        change={(changes) => setDraft((before) => ({ ...before, ...changes }))}
        word="Make the rule"
        busy={make.isPending}
        error={make.error}
        refusal={refusal}
        save={() => make.mutate()}
      />
    </Page>
  );
}
