/** The one client of the REST API. It signs in by the cookie; what fails becomes a Problem with the API's own words. */
import createClient from "openapi-fetch";
import { exact } from "../../../clients/typescript/src/exact";
import { Problem } from "./problem";
import { ROOT } from "./root";
import type { paths } from "./schema";
import { sessionEnded } from "./session";

export const api = createClient<paths>({
  baseUrl: ROOT || "/",
  credentials: "same-origin",
  // `status=failed&status=running`, as the API reads lists.
  querySerializer: { array: { style: "form", explode: true } },
});

api.use({
  async onResponse({ response, request }) {
    if (response.status === 401 && !request.url.endsWith("/api/v1/session")) sessionEnded();
    if (!response.headers.get("Content-Type")?.startsWith("application/json")) return response;
    const { status, statusText, headers } = response;
    return new Response(exact(await response.text()), { status, statusText, headers });
  },
});

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** What a request answered, or an exception: a Problem where the API said no, or that it cannot be reached. */
export async function ask<T>(request: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await request;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "The platform does not answer. This page tries again by itself.");
  }
  if (!answer.response.ok) throw Problem.of(answer.response, answer.error);
  return answer.data as T;
}
