// Calls random functions of the addon with random arguments, right and wrong. The process must not end by itself.
//
//   node --expose-gc addon-fuzz.mjs SECONDS [SEED]
//
// runs rounds until SECONDS have passed, each from a seed of its own that is printed before it begins; with SEED that
// round alone. With sanitizers:
//
//   cmake --preset asan -DSLUICE_ADDON=ON -DSLUICE_TESTS=OFF && cmake --build --preset asan --target sluice_addon
//   SLUICE_ADDON=$PWD/build/asan/native/addon/sluice.node ASAN_OPTIONS=detect_leaks=0 \
//     LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)" \
//     node --expose-gc tests/support/addon-fuzz.mjs 600

import { callsOf, endpoint, HOLDER, native, policyOf, redisOptions } from './addon.mjs';
import { seededRandom, testSeed } from './random.mjs';

const CALLS_PER_ROUND = 3000;
/** The number of objects kept of each kind, for later calls. */
const MOST_KEPT = 8;

let random = seededRandom(0);
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const chance = (p) => random() < p;
const many = (most, make) => Array.from({ length: below(most + 1) }, make);

/** The results of earlier calls. */
let kept;
const keep = (kind, value) => {
  if (value === undefined || value === null) return;
  const list = kept[kind];
  if (list.length < MOST_KEPT) list.push(value);
  else list[below(MOST_KEPT)] = value;
};

// ---- Wrong values

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  16,
  17,
  127,
  128,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 42,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
  2 ** 64,
  8.64e12,
  1e300,
  -1e300,
  5e-324,
  Number.NaN,
  Infinity,
  -Infinity,
];
const number = () => (chance(0.8) ? pick(NUMBERS) : (random() - 0.5) * 2 ** below(70));

const TEXTS = ['', 'k', 'a:b', '{x}', '\0', 'a\0b', '\ud800', '\udfff\ud800', 'é', '😀', HOLDER];
const text = () => (chance(0.9) ? pick(TEXTS) : pick(TEXTS).repeat(below(3000)));

/** Code that runs in the middle of a call which reads a property. */
const intrude = () => {
  if (chance(0.3)) throw pick([new Error('of a getter'), undefined, 5]);
  if (chance(0.5)) call();
  return value();
};

const trap = (target) =>
  new Proxy(target, {
    get: (from, name) => (chance(0.2) ? intrude() : Reflect.get(from, name)),
    has: () => chance(0.5),
    getOwnPropertyDescriptor: (from, name) => Reflect.getOwnPropertyDescriptor(from, name),
  });

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
};

const detached = () => {
  const bytes = new Uint8Array(8);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
};

/** An array whose elements are read by code. */
const withGetters = (list) => {
  for (let i = 0; i < list.length; i++) {
    if (chance(0.5)) Object.defineProperty(list, i, { get: intrude });
  }
  return list;
};

const anyHandle = () => pick(['store', 'backend', 'source', 'tls'].flatMap((kind) => kept[kind]));

let depth = 0;
function value() {
  if (depth > 3) return number();
  depth++;
  try {
    return pick([
      () => undefined,
      () => null,
      () => chance(0.5),
      number,
      number,
      text,
      text,
      () => BigInt(below(2 ** 31)) ** BigInt(below(5)),
      () => Symbol('s'),
      () => intrude,
      () => many(20, value),
      () => new Array(below(5)),
      () => withGetters(many(5, value)),
      () => trap(many(17, value)),
      () => trap({}),
      () => ({ a: value(), length: value() }),
      () => Object.assign(many(3, value), { length: pick([0, 1, 17, 70_000]) }),
      revoked,
      detached,
      () => Buffer.from(text()),
      () => new Float64Array(below(9)),
      () => new Date(Number.NaN),
      () => Object.create(null),
      () => new String('k'),
      anyHandle,
      () => pick(kept.function),
    ])();
  } finally {
    depth--;
  }
}

/** Mostly the right thing, made by `make`; else anything. */
const or = (make, p = 0.93) => (chance(p) ? make() : value());

// ---- Right values

const someUnits = () => 1 + below(100);
const someSpan = () => pick([1000, 1_000_000, 3_600_000_000]);
const rate = () => [someUnits(), someUnits(), someSpan()];
const window = () => [someUnits(), someSpan()];
const NUMBERS_OF = {
  tokenBucket: rate,
  gcra: rate,
  leakyBucket: () => [...rate(), below(2)],
  fixedWindow: () => [...window(), below(3)],
  slidingWindow: window,
  slidingLog: window,
  concurrency: window,
};
const ALGORITHMS = Object.keys(NUMBERS_OF);
const NAMES = ['default', 'a', 'b', 'c-1', 'd.2', 'e_3', ...Array.from('fghijklmnop')];

const policy = (name = pick(NAMES)) => {
  const algorithm = pick(ALGORITHMS);
  const change = {
    2: or(() => NUMBERS_OF[algorithm]().map((number) => or(() => number))),
    3: or(() => pick([0, 0, 1000, 8.64e12])),
    4: or(() => chance(0.3)),
    5: or(() => chance(0.8)),
  };
  const made = policyOf(
    or(() => name, 0.98),
    or(() => algorithm, 0.98),
    change,
  );
  return chance(0.02) ? withGetters(made) : chance(0.02) ? trap(made) : made;
};
const policies = () => {
  const count = chance(0.6) ? 1 : 1 + below(chance(0.9) ? 4 : 17);
  return Array.from({ length: count }, (_, i) => policy(NAMES[i] ?? `p${i}`));
};
const shared = (list) => list.map((one) => (Array.isArray(one) ? [...one] : one));

const key = () => or(() => (chance(0.95) ? `k${below(20)}` : text()));
const keys = () => or(() => (chance(0.5) ? key() : many(5, key)));
const kind = () => or(() => below(10));
const cost = () => or(() => below(10));
const holder = () =>
  or(() =>
    chance(0.8)
      ? HOLDER
      : below(2 ** 31)
          .toString(16)
          .padStart(32, '0'),
  );
const maybe = (make) => (chance(0.5) ? undefined : make());

const HOSTS = ['127.0.0.1', '::1', '', 'x'.repeat(300), 'a\0b', '256.1.1.1'];
const server = () =>
  endpoint({
    host: or(() => pick(HOSTS)),
    port: or(() => pick([1, 2, 3])),
    path: or(() => (chance(0.9) ? '' : pick(['/nowhere', `/${'p'.repeat(200)}`]))),
    user: or(() => pick(['', 'u'])),
    password: or(() => pick(['', 'secret'])),
    passwordSource: or(() => (chance(0.7) ? undefined : pick(kept.source))),
    database: or(() => below(3)),
    tls: or(() => (chance(0.9) ? undefined : pick(kept.tls))),
  });
const servers = () => ({
  mode: or(() => pick(['single', 'single', 'cluster', 'sentinel'])),
  servers: or(() => Array.from({ length: chance(0.9) ? 1 : below(4) }, server)),
  node: or(server),
  master: or(() => 'm'),
});
const options = () => {
  const given = or(policies);
  const backend = pick(kept.backend);
  const way = backend && chance(0.8) ? { servers: undefined, backend } : { servers: or(servers) };
  const made = redisOptions({
    ...way,
    policies: given,
    localPolicies: or(() => (Array.isArray(given) ? shared(given) : given)),
    prefix: or(text),
    onStoreError: or(() => below(4)),
    localShare: or(() => pick([1, 0.5])),
    deadlineUs: or(() => pick([1000, 100_000])),
    denialCache: or(() => chance(0.5)),
    idScope: or(text),
    plan: or(text),
    description: or(() => pick(['', 'description'])),
    maxKeys: or(() => pick([1, 100])),
  });
  return chance(0.02) ? trap(made) : made;
};

/** Leaves a call in the exchange, or nonsense. */
function fillExchange() {
  const { exchange } = native;
  if (chance(0.1)) {
    for (let i = 0; i < 40; i++) exchange[i] = number();
    return;
  }
  const numeric = (make) => (chance(0.97) ? make() : number());
  exchange[0] = numeric(() => pick([-1, 1, 1000, 8.64e12]));
  exchange[1] = numeric(() => below(2 ** 17));
  exchange[2] = numeric(() => below(4));
  for (let i = 0; i < 16; i++) {
    exchange[3 + 2 * i] = numeric(() => below(10));
    exchange[4 + 2 * i] = numeric(() => below(chance(0.9) ? 100 : 2 ** 31));
  }
}

// ---- Calls

const nothing = () => {};
const receiver = () => or(() => pick([nothing, nothing, intrude]));
const reply = () =>
  pick([
    value,
    number,
    () => many(40, () => pick([number(), below(1000), 'OK', 1n])),
    () => many(200, () => below(100)),
    () => 'OK',
    () => Buffer.from('text'),
  ])();
const tls = () => ({
  ca: or(text),
  cert: or(text),
  key: or(text),
  passphrase: or(text),
  servername: or(text),
  verify: or(() => chance(0.5)),
});

/** By name: the arguments of a function of the addon, and what becomes of its result. */
const FUNCTIONS = {
  policyFault: [() => [or(policy)]],
  largestLimit: [() => [or(policy)]],
  stateTag: [() => [or(policy)]],
  claimPolicies: [
    () => [or(text), or(() => many(4, () => or(() => [or(text), or(text)])))],
    (result) => typeof result === 'function' && keep('function', result),
  ],
  openMemoryStore: [
    () => {
      const size = or(() => pick([1, 16, 1000, 100_000]));
      return [or(() => maybe(text)), size, or(() => chance(0.5)), or(() => -below(2 ** 51))];
    },
    (result) => keep('store', result),
  ],
  memoryStoreStats: [() => [or(() => pick(kept.store))]],
  makeMemoryLimiter: [
    () => [or(() => pick(kept.store)), or(policies), or(text), or(text), or(text)],
    (result) => keep('memory', callsOf(result)),
  ],
  memoryCheck: [() => [or(() => below(20)), key(), cost(), time()]],
  memoryPeek: [() => [or(() => below(20)), key(), cost(), time()]],
  memoryAct: [() => [or(() => below(20)), kind(), keys(), time(), maybe(holder), maybe(key)]],
  makeClientSession: [
    () => [or(text), or(() => chance(0.5)), or(() => chance(0.5))],
    (result) => {
      keep('session', result);
      keep('backend', result.backend);
    },
  ],
  makeRedisLimiter: [() => [or(options)], (result) => keep('redis', result)],
  makeTls: [() => [or(tls)], (result) => !Array.isArray(result) && keep('tls', result)],
  makePasswordSource: [() => [or(() => below(5))], (result) => keep('source', result)],
  onPasswordWanted: [() => [receiver()]],
  answerPassword: [() => [or(() => below(20)), or(() => maybe(text)), or(text)]],
  onAnswers: [() => [receiver()]],
  onBreaker: [() => [receiver()]],
  onWarning: [() => [receiver()]],
};

const time = () => or(() => pick([-1, -1, 0, 1, 1e6, 1e15]));
/** By kind of object: the arguments of its functions. */
const METHODS = {
  memory: {
    check: () => [key(), cost(), time()].slice(0, below(4)),
    peek: () => [key(), cost(), time()].slice(0, below(4)),
    act: () => [kind(), keys(), time(), maybe(holder), maybe(key)],
  },
  redis: {
    ask: () => {
      const short = chance(0.4);
      const ticket = or(() => below(1000));
      if (short) return [or(() => below(2)), key(), cost(), ticket];
      return [kind(), keys(), or(() => -1), ticket, maybe(holder), maybe(key), maybe(key)];
    },
    flush: () => [],
    stats: () => [],
    close: () => (chance(0.1) ? [] : undefined),
  },
  session: {
    slots: () => [],
    route: () => [or(() => many(4, () => or(() => below(5))))],
    take: () => [],
    reply: () => [or(() => 1 + below(200)), reply()],
    fail: () => [or(() => 1 + below(200)), or(() => pick(['NOSCRIPT no', 'MOVED 1 a:1', text()]))],
    due: () => [],
    onTime: () => [],
  },
  function: { call: () => [undefined, value()] },
};

/** One call. It may throw anything, but must return. */
function call() {
  if (depth > 3) return;
  depth++;
  try {
    if (chance(0.7)) fillExchange();
    const extra = chance(0.02) ? many(3, value) : [];
    if (chance(0.3)) {
      const name = pick(Object.keys(FUNCTIONS));
      const [make, take = nothing] = FUNCTIONS[name];
      const args = [...make(), ...extra];
      take(native[name](...args.slice(0, chance(0.98) ? undefined : below(args.length + 1))));
      return;
    }
    const objectKind = pick(Object.keys(METHODS));
    const object = pick(kept[objectKind]);
    if (object === undefined) return;
    const name = pick(Object.keys(METHODS[objectKind]));
    const args = METHODS[objectKind][name]();
    if (args === undefined) return;
    object[name](...args, ...extra);
  } catch {
    // A refusal, or what a getter threw.
  } finally {
    depth--;
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function round(seed) {
  console.log(`SLUICE_SEED=${seed}`);
  random = seededRandom(seed);
  kept = {
    store: [],
    memory: [],
    redis: [],
    session: [],
    backend: [],
    source: [],
    tls: [],
    function: [],
  };
  for (let i = 0; i < CALLS_PER_ROUND; i++) {
    call();
    if (i % 100 === 0) await turn();
  }
  for (const limiter of kept.redis) limiter.close();
  kept = undefined;
  globalThis.gc?.();
  await turn();
}

// Errors of a receiver of answers.
process.on('uncaughtException', nothing);
process.on('warning', nothing);

const [seconds, seed] = process.argv.slice(2);
if (seed !== undefined) {
  await round(Number(seed));
} else {
  const first = testSeed();
  const end = performance.now() + Number(seconds) * 1000;
  let rounds = 0;
  do await round(first + rounds++);
  while (performance.now() < end);
  console.log(`rounds ${rounds}`);
}
process.exit(0);
