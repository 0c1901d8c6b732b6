// Options are own properties: what stands in a prototype was not given by the caller.

/** The option, unless it is inherited: `Object.prototype.cost`, say, which any code of the process may have set. */
export function ownOption<T extends object, Name extends keyof T>(
  options: T | undefined,
  name: Name,
): T[Name] | undefined {
  return options !== undefined && options !== null && Object.hasOwn(options, name)
    ? options[name]
    : undefined;
}

/** A copy of the options that inherits none. */
export function ownOptions<T extends object>(options: T): T {
  return Object.assign(Object.create(null), options);
}
