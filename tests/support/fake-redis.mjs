// A scripted server that speaks Redis' protocol, for the replies that a real one rarely gives.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { resetSocket } from './reset-socket.mjs';

/** A reply that never comes. */
export const silence = Symbol('silence');
/** In place of a reply, the connection is closed; or reset. */
export const hangUp = Symbol('hangUp');
export const reset = Symbol('reset');

class Raw {
  constructor(bytes) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'latin1');
  }
}

/** Bytes as they go over the wire, garbage too. */
export const raw = (bytes) => new Raw(bytes);
/** `+OK` and such. */
export const status = (text) => raw(`+${text}\r\n`);
/** `error('LOADING', 'Redis is loading the dataset in memory')` */
export const error = (code, text = 'says the fake server') => raw(`-${code} ${text}\r\n`);
/** An array in an array in an array, so many deep. */
export const nested = (depth) => raw(`${'*1\r\n'.repeat(depth)}:1\r\n`);
/** The beginning of a text, or of an array, that claims to be so long; nothing of it follows. */
export const hugeText = (bytes) => raw(`$${bytes}\r\n`);
export const hugeArray = (elements) => raw(`*${elements}\r\n`);

const unknown = ([name]) => error('ERR', `unknown command '${name}'`);

/** A value as a reply: null, whole numbers, texts, arrays of such, and what the functions above make. */
export function encode(value) {
  if (value instanceof Raw) return value.bytes;
  if (value === null) return Buffer.from('$-1\r\n');
  if (typeof value === 'number') return Buffer.from(`:${value}\r\n`);
  if (typeof value === 'string') {
    return Buffer.from(`$${Buffer.byteLength(value)}\r\n${value}\r\n`);
  }
  if (Array.isArray(value)) {
    return Buffer.concat([Buffer.from(`*${value.length}\r\n`), ...value.map(encode)]);
  }
  throw new TypeError(`no reply: ${String(value)}`);
}

/** What a server says to a client that has just come: to all but commands on data. Else undefined. */
export function greet([name, second, third]) {
  switch (name.toUpperCase()) {
    case 'AUTH':
    case 'SELECT':
    case 'CLIENT':
    case 'READONLY':
      return status('OK');
    case 'PING':
      return status('PONG');
    case 'SCRIPT':
      if (second.toUpperCase() !== 'LOAD') return status('OK');
      return createHash('sha1').update(third, 'latin1').digest('hex');
    case 'INFO':
      return 'redis_version:7.0.15\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n';
    case 'CONFIG':
      return error('ERR', "unknown command 'CONFIG'");
    default:
      return undefined;
  }
}

/**
 * Starts one on a free port. `answer(command, connection)` gives each command's reply, or a promise of it: what
 * encode() takes, or `silence`, `hangUp`, `reset`; undefined: greet()'s, or an error. `command`: its words, each
 * byte a character; `connection`: `{ number, commands }` of the client that sent it, from 1. Replies go out in the
 * order of the commands.
 */
export async function startFakeRedis(answer = () => undefined, { port = 0 } = {}) {
  const fake = new FakeRedis(answer);
  await fake.listen(port);
  return fake;
}

class FakeRedis {
  /** May be replaced while it runs. */
  answer;
  /** All that came, in order. */
  commands = [];
  connections = 0;
  #sockets = new Set();
  #listener;

  constructor(answer) {
    this.answer = answer;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  async listen(port) {
    this.#listener = createServer((socket) => this.#serve(socket)).listen(port, '127.0.0.1');
    await once(this.#listener, 'listening');
    this.port = this.#listener.address().port;
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  async #serve(socket) {
    const connection = { number: ++this.connections, commands: 0 };
    this.#sockets.add(socket);
    socket.on('error', () => {}); // 'close' comes behind it
    socket.once('close', () => this.#sockets.delete(socket));
    socket.setNoDelay();
    try {
      for await (const command of readCommands(socket)) {
        this.commands.push(command);
        connection.commands++;
        const scripted = await this.answer(command, connection);
        const reply = scripted === undefined ? greet(command) : scripted;
        if (reply === silence) continue;
        if (reply === reset) resetSocket(socket);
        else if (reply === hangUp) socket.end();
        else socket.write(encode(reply === undefined ? unknown(command) : reply));
      }
    } catch (failure) {
      if (!socket.destroyed) throw failure;
    }
  }
}

/** The commands that come over a socket: arrays of texts, as all clients send them. */
async function* readCommands(socket) {
  let text = '';
  for await (const bytes of socket) {
    text += bytes.toString('latin1');
    for (let found = readCommand(text); found; found = readCommand(text)) {
      text = text.slice(found.end);
      yield found.command;
    }
  }
}

/** The command that the text begins with, and where it ends; undefined while it is not all there. */
function readCommand(text) {
  let at = 0;
  const number = (mark) => {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return undefined;
    if (text[at] !== mark) throw new Error(`not a command: ${JSON.stringify(text.slice(at, end))}`);
    const value = Number(text.slice(at + 1, end));
    at = end + 2;
    return value;
  };
  const words = number('*');
  if (words === undefined) return undefined;
  const command = [];
  for (let i = 0; i < words; i++) {
    const length = number('$');
    if (length === undefined || text.length < at + length + 2) return undefined;
    command.push(text.slice(at, at + length));
    at += length + 2;
  }
  return { command, end: at };
}
