// A NestJS API with a limit for each client, a stricter one for its login, and a worker that waits its turn.
//
//   curl -i http://127.0.0.1:3000/
//   curl -i -X POST http://127.0.0.1:3000/login
//   curl -X POST http://127.0.0.1:3000/mails/ann@example.com; curl http://127.0.0.1:3000/mails

import 'reflect-metadata';
import { Controller, Get, Inject, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { fixedWindow, leakyBucket, memory, redis, tokenBucket } from 'sluice';
import { RateLimit, SkipRateLimit, SluiceModule } from 'sluice/nestjs';
import { Mailer } from './mailer.mjs';

const { PORT = '3000', REDIS_URL, REDIS_PREFIX = 'nestjs-example' } = process.env;

@Controller()
class PagesController {
  constructor(@Inject(Mailer) private readonly mailer: Mailer) {}

  @Get()
  home() {
    return 'hello';
  }

  @Post('login')
  @RateLimit({ policies: fixedWindow({ limit: 5, window: '1m' }) })
  login() {
    return 'welcome';
  }

  @Post('mails/:address')
  @RateLimit({ cost: 2 })
  mail(@Param('address') address: string) {
    this.mailer.add(address);
    return 'queued';
  }

  @Get('mails')
  @SkipRateLimit()
  mails() {
    return this.mailer.sent;
  }
}

@Module({
  imports: [
    SluiceModule.forRoot({
      store: REDIS_URL ? redis(REDIS_URL) : memory(),
      prefix: REDIS_PREFIX,
      limiters: {
        default: { policies: tokenBucket({ capacity: 20, refill: 10, every: '1s' }) },
        mail: { policies: leakyBucket({ capacity: 1000, leak: 10, every: '1s', mode: 'shape' }) },
      },
      guard: true,
    }),
  ],
  controllers: [PagesController],
  providers: [Mailer],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(Number(PORT), '127.0.0.1');
console.log(`listening on ${await app.getUrl()}`);
