// Reads options as own properties, because a caller does not give inherited ones.

/** The option, unless it is inherited. Any code of the process may have set `Object.prototype.cost`, for example. */
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
