// Types of the ESM entry of 'sluice/express'.
import rateLimit = require('../../dist/express.js');

export { rateLimit };
export default rateLimit;
