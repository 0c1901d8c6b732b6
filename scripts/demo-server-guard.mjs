// Loaded into each of the demo's servers before their program: ends them when the demo ends in any way.

process.on('disconnect', () => process.exit());
