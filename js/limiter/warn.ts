// Process warnings.

export function warn(code: string, message: string): void {
  process.emitWarning(message, { type: 'SluiceWarning', code });
}
