// A scripted server that speaks Redis' protocol, for replies that a real server rarely gives.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { resetSocket } from './reset-socket.mjs';

/** A reply that never comes. */
export const silence = Symbol('silence');
/** Instead of a reply, the connection is closed; or reset. */
export const hangUp = Symbol('hangUp');
export const reset = Symbol('reset');

class Raw {
  constructor(bytes) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'latin1');
  }
}

/** Raw bytes of the wire, also invalid ones. */
export const raw = (bytes) => new Raw(bytes);
/** Simple strings such as `+OK`. */
export const status = (text) => raw(`+${text}\r\n`);
/** `error('LOADING', 'Redis is loading the dataset in memory')` */
export const error = (code, text = 'says the fake server') => raw(`-${code} ${text}\r\n`);
/** Nested arrays of this depth. */
export const nested = (depth) => raw(`${'*1\r\n'.repeat(depth)}:1\r\n`);
/** The header of a text, or of an array, with this length and without content. */
export const hugeText = (bytes) => raw(`$${bytes}\r\n`);
export const hugeArray = (elements) => raw(`*${elements}\r\n`);

const unknown = ([name]) => error('ERR', `unknown command '${name}'`);

/** Encodes a reply: null, whole numbers, texts, arrays of these, and the results of the functions above. */
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

/** The replies to a new client's first commands; undefined for commands on data. */
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
 * Starts a fake server on a free port. `answer(command, connection)` returns each command's reply, or a promise of
 * it: a value for encode(), `silence`, `hangUp` or `reset`; for undefined, greet()'s reply or an error. `command` has
 * the words, with a character per byte; `connection` is `{ number, commands }` of the client, from 1. Replies keep
 * the order of the commands.
 */
export async function startFakeRedis(answer = () => undefined, { port = 0 } = {}) {
  const fake = new FakeRedis(answer);
  await fake.listen(port);
  return fake;
}

class FakeRedis {
  /** A test may replace it at any time. */
  answer;
  /** All received commands, in order. */
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
    socket.on('error', () => {}); // 'close' follows
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

/** The commands on a socket: arrays of texts, the form that all clients send. */
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

/** The first command in the text, and its end; undefined while it is incomplete. */
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
