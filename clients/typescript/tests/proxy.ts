/** A proxy before the real gateway that breaks what a test tells it to break. */
import { createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import type { AddressInfo } from "node:net";

export interface BreakingProxy {
  url: string;
  /** Every request that came: `POST /api/v1/action-runs`. */
  seen: string[];
  headers: IncomingMessage["headers"][];
  /** Called first; true: it has dealt with the request. */
  before: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** How many bytes of an answer pass before its connection breaks; null: all. Called for each answer. */
  passes: (request: IncomingMessage) => number | null;
  close: () => Promise<void>;
}

export async function proxyTo(gateway: string): Promise<BreakingProxy> {
  const target = new URL(gateway);
  const proxy: BreakingProxy = {
    url: "",
    seen: [],
    headers: [],
    before: () => false,
    passes: () => null,
    close: async () => undefined,
  };
  const server = createServer((request, response) => {
    proxy.seen.push(`${request.method} ${request.url?.split("?")[0]}`);
    proxy.headers.push(request.headers);
    if (proxy.before(request, response)) return;
    const most = proxy.passes(request);
    const onward = send(
      { host: target.hostname, port: target.port, path: request.url, method: request.method, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        let passed = 0;
        answer.on("data", (piece: Buffer) => {
          passed += piece.length;
          if (most !== null && passed > most) {
            response.write(piece.subarray(0, piece.length - (passed - most)), () => response.destroy());
            answer.destroy();
          } else response.write(piece);
        });
        answer.on("end", () => response.end());
        response.on("close", () => answer.destroy());
      },
    );
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  proxy.close = () =>
    new Promise((closed) => {
      server.closeAllConnections();
      server.close(() => closed());
    });
  return proxy;
}
