// The features of sluice/nestjs on one major version of NestJS. The caller loads the packages: by import, or by require.

import assert from 'node:assert/strict';

export async function checkFeatures({
  common,
  core,
  microservices,
  testing,
  platforms,
  sluice,
  nestjs,
  sluiceTesting,
}) {
  const { Controller, Get, Inject, Injectable, Module, Scope } = common;
  const { RateLimit, SkipRateLimit, SluiceModule, InjectLimiter, getLimiterToken } = nestjs;
  const bucket = (capacity) => sluice.tokenBucket({ capacity, every: '1h' });
  const major = Number(process.env.NEST_MAJOR);

  function onMethod(type, name, ...decorators) {
    const descriptor = Object.getOwnPropertyDescriptor(type.prototype, name);
    for (const decorator of decorators) decorator(type.prototype, name, descriptor);
  }
  function rootModule(imports, { controllers = [], providers = [] } = {}) {
    class AppModule {}
    Module({ imports, controllers, providers })(AppModule);
    return AppModule;
  }
  const silent = { logger: false, abortOnError: false };

  class Pages {
    home() {
      return 'hello';
    }
    own() {
      return 'own';
    }
    named() {
      return 'named';
    }
    free() {
      return 'free';
    }
  }
  Controller()(Pages);
  onMethod(Pages, 'home', Get());
  onMethod(Pages, 'own', Get('own'), RateLimit({ policies: bucket(1) }));
  onMethod(Pages, 'named', Get('named'), RateLimit({ limiter: 'search' }));
  onMethod(Pages, 'free', Get('free'), SkipRateLimit());
  class Scoped {
    page() {
      return 'scoped';
    }
  }
  Controller({ path: 'scoped', scope: Scope.REQUEST })(Scoped);
  onMethod(Scoped, 'page', Get());
  class Keys {
    key() {
      return 'k';
    }
  }
  Injectable({ scope: Scope.REQUEST })(Keys);
  Inject(Keys)(Scoped.prototype, 'keys');
  const app = { controllers: [Pages, Scoped], providers: [Keys] };

  async function statuses(url, ...paths) {
    const found = [];
    for (const path of paths) {
      const response = await fetch(url + path);
      await response.text();
      found.push(response.status);
    }
    return found;
  }

  const options = {
    limiters: { default: { policies: bucket(3) }, search: { policies: bucket(1) } },
  };
  class Settings {
    createSluiceOptions() {
      return options;
    }
  }
  const modules = {
    forRoot: () => SluiceModule.forRoot({ ...options, guard: true }),
    useClass: () =>
      SluiceModule.forRootAsync({ useClass: Settings, names: ['default', 'search'], guard: true }),
  };
  for (const [platform, Adapter] of Object.entries(platforms)) {
    for (const [how, make] of Object.entries(modules)) {
      const running = await core.NestFactory.create(
        rootModule([make()], app),
        new Adapter(),
        silent,
      );
      await running.listen(0, '127.0.0.1');
      const url = await running.getUrl();
      const where = `${platform}, ${how}`;
      assert.deepEqual(await statuses(url, '/', '/scoped', '/', '/'), [200, 200, 200, 429], where);
      assert.deepEqual(await statuses(url, '/own', '/own'), [200, 429], where);
      assert.deepEqual(await statuses(url, '/named', '/named'), [200, 429], where);
      assert.deepEqual(await statuses(url, '/free', '/free'), [200, 200], where);
      const denied = await fetch(url);
      assert.match((await denied.json()).type, /#quota-exceeded$/, where);
      assert.equal(denied.headers.get('ratelimit'), '"default";r=0;t=1200', where);
      const type = major < 12 && platform === 'Express' ? /^application\/json/ : /problem\+json/;
      assert.match(denied.headers.get('content-type'), type, where);
      await running.close();
    }
  }

  // A test replaces the limiter.
  const built = await testing.Test.createTestingModule({
    imports: [rootModule([modules.forRoot()], app)],
  })
    .overrideProvider(getLimiterToken())
    .useValue(sluiceTesting.denyAll())
    .compile();
  const tested = built.createNestApplication(new platforms.Express(), silent);
  await tested.listen(0, '127.0.0.1');
  assert.deepEqual(await statuses(await tested.getUrl(), '/', '/named'), [429, 200]);
  await tested.close();

  // A worker without a request.
  class Worker {}
  InjectLimiter('search')(Worker.prototype, 'limiter');
  const worker = await core.NestFactory.createApplicationContext(
    rootModule([modules.useClass()], { providers: [Worker, Keys] }),
    silent,
  );
  const { limiter } = worker.get(Worker);
  assert.equal((await limiter.check('k')).allowed, true);
  assert.equal((await limiter.check('k')).allowed, false);
  await worker.close();
  await assert.rejects(limiter.check('k'), { code: 'ERR_SLUICE_CLOSED' });

  // An RPC handler.
  class Orders {
    place(order) {
      return order;
    }
  }
  Controller()(Orders);
  onMethod(
    Orders,
    'place',
    microservices.MessagePattern('place'),
    RateLimit({ key: (order) => order.tenant }),
  );
  const module = SluiceModule.forRoot({ policies: bucket(1), guard: true });
  const host = '127.0.0.1';
  const service = await core.NestFactory.createMicroservice(
    rootModule([module], { controllers: [Orders] }),
    { ...silent, transport: microservices.Transport.TCP, options: { host, port: 0 } },
  );
  await service.listen();
  const { port } = (service.server ?? service.serverInstance).server.address();
  const client = microservices.ClientProxyFactory.create({
    transport: microservices.Transport.TCP,
    options: { host, port },
  });
  const place = (tenant) =>
    new Promise((resolve, reject) => {
      client.send('place', { tenant }).subscribe({ next: resolve, error: reject });
    });
  assert.deepEqual(await place('t'), { tenant: 't' });
  await assert.rejects(place('t'), (problem) => /#quota-exceeded$/.test(problem.type));
  assert.deepEqual(await place('u'), { tenant: 'u' });
  client.close();
  await service.close();
}
