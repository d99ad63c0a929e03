import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiAnswer } from './answer-judge.ts';

const LOOPBACK = '127.0.0.1';
/** Larger than any answer; what is cut off is no JSON, and so fails its test. */
const MAX_TOLD_BYTES = 16 * 1024 * 1024;

/**
 * Stands between an API on this machine and clients whose requests cannot be seen otherwise, such as
 * other programs. Requests and answers pass unchanged; of every whole answer it tells before the
 * client has its end. To the API each request has a connection of its own, so that none is kept to
 * a server that has ended since.
 */
export class AnswerRelay implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `tell` is given each answer, with the path as the API was asked for it. */
  static async open(tell: (answer: ApiAnswer) => void): Promise<AnswerRelay> {
    const server = createServer((request, response) => pass(request, response, tell));
    server.listen(0, LOOPBACK);
    await once(server, 'listening');
    return new AnswerRelay(server);
  }

  /** The address of an API, `http://127.0.0.1:<port>`, for clients whose answers are to be told. */
  addressOf(apiUrl: string): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://${LOOPBACK}:${port}/${new URL(apiUrl).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

function pass(
  request: IncomingMessage,
  response: ServerResponse,
  tell: (answer: ApiAnswer) => void,
): void {
  const { method = '', url = '', headers } = request;
  const [, port, path = '/'] = /^\/(\d+)(\/.*)$/.exec(url) ?? [];
  const passed = httpRequest({
    host: LOOPBACK,
    port,
    path,
    method,
    headers: { ...headers, connection: 'close' },
    agent: false,
  });
  passed.on('response', (answer) => {
    const { statusCode: status = 0, statusMessage } = answer;
    const contentType = answer.headers['content-type'];
    const [pathname = ''] = path.split('?');
    collect(answer, (text) => tell({ method, path: pathname, status, contentType, text }));
    answer.on('error', () => response.destroy());
    response.writeHead(status, statusMessage, headersOf(answer));
    answer.pipe(response);
  });
  // As if the client had asked the API itself: what ends there ends here.
  passed.on('error', () => response.destroy());
  response.on('close', () => passed.destroy());
  request.pipe(passed);
}

// Names and values in turn, but for those that are about the connection between two and not for others.
function headersOf({ rawHeaders }: IncomingMessage): string[] {
  return rawHeaders.filter((_, index) => {
    const name = rawHeaders[index - (index % 2)] ?? '';
    return !['connection', 'keep-alive'].includes(name.toLowerCase());
  });
}

function collect(answer: IncomingMessage, done: (text: string) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => {
    if (bytes < MAX_TOLD_BYTES) chunks.push(chunk);
    bytes += chunk.length;
  });
  answer.on('end', () => done(Buffer.concat(chunks).toString()));
}
