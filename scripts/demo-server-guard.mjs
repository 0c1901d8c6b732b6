// Loaded into each of the demo's servers before their program: they end when the demo does, however it ends.

process.on('disconnect', () => process.exit());
