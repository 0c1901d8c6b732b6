// A failure of the demo that a person understands without a stack.

export class DemoError extends Error {}
