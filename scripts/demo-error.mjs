// What goes wrong in the demo and a person can understand without a stack.

export class DemoError extends Error {}
