import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

/** A proxy of a test that runs. It alone knows the names of the fleet: who does not ask it reaches nobody. */
export interface TestProxy {
  readonly port: number;
  /** What it was asked to connect to, and with which credentials. */
  readonly requests: { authority: string; authorization: string | undefined }[];
  /** How it refuses whom it would connect: by a status, or by saying nothing. */
  refuse: number | "silence" | undefined;
}

/**
 * A proxy as RFC 9110, section 9.3.6 has it, on loopback. `targets`: the port on loopback by `name:port`. `credentials`: the header that
 * it asks for.
 */
export async function createTestProxy(targets: Readonly<Record<string, number>>, credentials?: string): Promise<TestProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((_, response) => void response.writeHead(405).end());
  server.on("connect", (request, socket: Socket) => {
    const authority = request.url ?? "";
    const authorization = request.headers["proxy-authorization"];
    self.requests.push({ authority, authorization });
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    if (self.refuse === "silence") return;
    const port = targets[authority];
    const wanted = credentials === undefined || credentials === authorization;
    const status = wanted ? (self.refuse ?? (port === undefined ? 503 : 200)) : 407;
    if (status !== 200 || port === undefined) {
      socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const onward = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    sockets.add(onward);
    onward.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const self: TestProxy = { port: (server.address() as AddressInfo).port, requests: [], refuse: undefined };
  return self;
}

/** TLS before a server on loopback, with a certificate for `name` that nobody knows but who is given its file. */
export async function createTlsFront(
  directory: string,
  name: string,
  behind: number,
): Promise<{ port: number; certificate: string }> {
  const [keyFile, certificate] = [join(directory, "key.pem"), join(directory, "certificate.pem")];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
  await promisify(execFile)("openssl", ["req", ...kind, ...subject, "-keyout", keyFile, "-out", certificate]);
  const sockets = new Set<Socket>();
  const server = createTlsServer({ key: await readFile(keyFile), cert: await readFile(certificate) }, (socket) => {
    const onward = connect(behind, "127.0.0.1");
    for (const end of [socket, onward]) {
      sockets.add(end);
      end.on("error", () => end.destroy());
    }
    onward.pipe(socket).pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, certificate };
}
