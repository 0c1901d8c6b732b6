// Memory stores and limiters, as JavaScript calls them.
#pragma once

#include <napi.h>

namespace sluice::addon {

/// Adds to `exports`:
///   openMemoryStore(name | undefined, maxKeys, externalClock) -> store, or undefined if the name
///   is
///     open with other options
///   memoryStoreStats(store) -> [keys, capacity, evicted]
///   makeMemoryLimiter(store, policies, prefix) -> { check, peek, reset }
///     check(key, cost = 1, nowUs = -1) -> code; peek(key, cost, nowUs) -> code; reset(key)
///     cost < 0: one per policy stands in the exchange. nowUs < 0: the monotonic clock.
void ExportMemory(Napi::Env env, Napi::Object exports);

}  // namespace sluice::addon
