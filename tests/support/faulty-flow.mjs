// One direction of a connection through the fault proxy: copies one socket to the other, with faults.

/** The most bytes held; then the sender must wait, as with a full TCP window. */
const WINDOW_BYTES = 65_536;
/** A slow line sends its bytes in portions, this many a second. */
const PORTIONS_PER_SECOND = 100;

export class FaultyFlow {
  #from;
  #to;
  #random;
  #cut;
  #faults = {};
  /** Data that has arrived and not left: `{ bytes, due }`, due on the clock of performance.now(). */
  #queue = [];
  #queued = 0;
  #lastDue = 0;
  #slowUntil = 0;
  #passed = 0;
  #timer;
  #ended = false;

  /** Calls `cut()` to reset the connection. */
  constructor(from, to, random, cut) {
    this.#from = from;
    this.#to = to;
    this.#random = random;
    this.#cut = cut;
    from.on('data', (bytes) => this.#take(bytes));
    to.on('drain', () => this.#pass());
    to.once('close', () => this.#stop());
    from.once('close', () => {
      this.#ended = true;
      this.#pass();
    });
  }

  /** `{ held, delayMs, jitterMs, bytesPerSecond, cutAfter }`; see FaultProxy.set. */
  set(faults) {
    this.#faults = faults;
    this.#passed = 0;
    this.#pass();
  }

  #take(bytes) {
    const { delayMs = 0, jitterMs = 0 } = this.#faults;
    const due = performance.now() + delayMs + jitterMs * this.#random();
    this.#lastDue = Math.max(this.#lastDue, due);
    this.#queue.push({ bytes, due: this.#lastDue });
    this.#queued += bytes.length;
    if (this.#queued > this.#window()) this.#from.pause();
    this.#pass();
  }

  #window() {
    const { bytesPerSecond } = this.#faults;
    return bytesPerSecond === undefined ? WINDOW_BYTES : Math.min(bytesPerSecond, WINDOW_BYTES);
  }

  #pass() {
    clearTimeout(this.#timer);
    while (this.#queue.length > 0) {
      if (this.#faults.held || this.#to.destroyed || this.#to.writableNeedDrain) return;
      const wait = Math.max(this.#queue[0].due, this.#slowUntil) - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pass(), wait);
        return;
      }
      if (this.#write(this.#next())) return;
    }
    if (this.#ended && !this.#faults.held) this.#to.destroySoon();
  }

  /** Removes and returns the bytes that may leave now. */
  #next() {
    const { bytesPerSecond } = this.#faults;
    const [first] = this.#queue;
    let bytes = first.bytes;
    if (bytesPerSecond !== undefined) {
      bytes = bytes.subarray(0, Math.max(1, Math.floor(bytesPerSecond / PORTIONS_PER_SECOND)));
      this.#slowUntil = performance.now() + (bytes.length / bytesPerSecond) * 1000;
    }
    if (bytes.length === first.bytes.length) this.#queue.shift();
    else first.bytes = first.bytes.subarray(bytes.length);
    this.#queued -= bytes.length;
    if (this.#queued <= this.#window()) this.#from.resume();
    return bytes;
  }

  /** Writes the bytes; returns whether that cuts the connection. */
  #write(bytes) {
    const { cutAfter = Number.POSITIVE_INFINITY } = this.#faults;
    const left = cutAfter - this.#passed;
    this.#passed += bytes.length;
    if (bytes.length < left) {
      this.#to.write(bytes);
      return false;
    }
    this.#stop();
    this.#to.write(bytes.subarray(0, left), this.#cut);
    return true;
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
    this.#queued = 0;
  }
}
