// The ESM entry of 'sluice/express'. Its CommonJS build is the function itself (`module.exports = rateLimit`).
import rateLimit from '../../dist/express.js';

export const { clientIp, ipKeyGenerator, MemoryStore, reserve, SECOND, MINUTE, HOUR, DAY } =
  rateLimit;
export { rateLimit };
export default rateLimit;
