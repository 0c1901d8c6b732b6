// The worker: sends mails from a queue, as fast as the mail provider allows. It sees no request.

import { Injectable } from '@nestjs/common';
import type { Limiter } from 'sluice';
import { InjectLimiter } from 'sluice/nestjs';

/** In a real application the queue is BullMQ or a broker, and `sent` is your provider. */
@Injectable()
export class Mailer {
  readonly sent: string[] = [];
  private readonly queue: string[] = [];
  private running = false;

  constructor(@InjectLimiter('mail') private readonly limiter: Limiter) {}

  add(address: string): void {
    this.queue.push(address);
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    for (let address = this.queue.shift(); address !== undefined; address = this.queue.shift()) {
      await this.limiter.wait('mail-provider', { orThrow: true });
      this.sent.push(address);
    }
    this.running = false;
  }
}
