// The route of an Express request.

import type { Request } from 'express';

/** The method and the route, as far as Express knows it: a middleware runs before the route is found. */
export function routeOf(req: Request): string {
  return `${req.method} ${req.baseUrl}${req.route?.path ?? req.path}`;
}
