/** Sign in with email and password, or with an API key: the gateway answers with a cookie, which scripts cannot read. */
import { Button, PasswordInput, SegmentedControl, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import { sessionBegan } from "~/api/session";
import { queries } from "~/app/queries";
import { Failure } from "~/shared/states";

type Way = "password" | "key";

const WAY = "vai-sign-in";
const wayBefore = (): Way => (localStorage.getItem(WAY) === "key" ? "key" : "password");

export function SignInForm({ done }: { done?: () => void }) {
  const [way, setWay] = useState<Way>(wayBefore);
  const [email, setEmail] = useState("");
  const [secret, setSecret] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  async function send(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn(way, email, secret.trim());
      localStorage.setItem(WAY, way);
      sessionBegan();
      await queries.invalidateQueries();
      done?.();
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={(event) => void send(event)}>
      <Stack gap="md">
        <SegmentedControl
          fullWidth
          aria-label="How to sign in"
          value={way}
          onChange={(value) => setWay(value as Way)}
          data={[
            { value: "password", label: "Email and password" },
            { value: "key", label: "API key" },
          ]}
        />
        {way === "password" && (
          <TextInput
            label="Email"
            type="email"
            autoComplete="username"
            required
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
          />
        )}
        <PasswordInput
          label={way === "password" ? "Password" : "API key"}
          description={
            way === "key" ? "It begins with vai_. `make status` prints that of a stack on this machine." : undefined
          }
          autoComplete={way === "password" ? "current-password" : "off"}
          required
          value={secret}
          onChange={(event) => setSecret(event.currentTarget.value)}
        />
        {error !== null && <Failure error={error} />}
        <Button type="submit" loading={busy} fullWidth>
          Sign in
        </Button>
      </Stack>
    </form>
  );
}

async function signIn(way: Way, email: string, secret: string): Promise<void> {
  if (way === "password") {
    await ask(api.POST("/api/v1/session", { body: { email, password: secret } }));
  } else {
    await ask(api.POST("/api/v1/session", { headers: { "X-API-Key": secret } }));
  }
}
