// A client by @hey-api/openapi-ts: an action is made and run, its log is followed, what is not there is told.
import { client } from './generated/client.gen';
import { createAction, createAutomation, createRun, getRun, listRuns, runAction, streamLogs } from './generated';

const must = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`not so: ${what}`);
};

client.setConfig({ baseUrl: process.env.VAI_API_URL!, headers: { 'X-API-Key': process.env.VAI_API_KEY! } });
const noop = { kind: 'dlt_extract', definition: { source: 'noop' } } as const;

const made = await createRun({ body: noop, headers: { Prefer: 'wait=30' }, throwOnError: true });
const run = made.data;
must(run.status === 'completed', `the run is completed: ${JSON.stringify(run)}`);
must((await getRun({ path: { run_id: run.id }, throwOnError: true })).data.id === run.id, 'the run is found');
must((await listRuns({ query: { limit: 50 }, throwOnError: true })).data.runs.some((each) => each.id === run.id), 'it is listed');

const name = `generated ts ${Date.now()}`;
const action = (await createAction({ body: { ...noop, name }, throwOnError: true })).data;
const again = await runAction({ path: { action_id: action.id }, headers: { Prefer: 'wait=30' }, throwOnError: true });
must(again.data.status === 'completed', 'the run of the action is completed');
const steps = [{ key: 'first', action: noop }];
must((await createAutomation({ body: { name, steps }, throwOnError: true })).data.name === name, 'an automation is saved');

const told: string[] = [];
const { stream } = await streamLogs({ path: { run_id: run.id }, sseMaxRetryAttempts: 0 });
for await (const event of stream) told.push(JSON.stringify(event));
must(told.some((event) => event.includes('run_completed')), `the stream tells the end: ${told}`);

const missing = await getRun({ path: { run_id: crypto.randomUUID() } });
must(missing.response?.status === 404 && missing.error !== undefined, 'what is not there is 404');
console.log(`openapi-ts (typescript): run ${run.id} completed`);
