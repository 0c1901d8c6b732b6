// Memory stores and limiters, as JavaScript calls them.
#pragma once

#include <napi.h>

namespace sluice::addon {

/// Adds to `exports`:
///   openMemoryStore(name | undefined, maxKeys, externalClock, wallOffsetUs) -> store, or undefined
///     if the name is open with other options. wallOffsetUs: what an external clock lacks to 1970
///   memoryStoreStats(store) -> [keys, capacity, evicted]
///   makeMemoryLimiter(store, policies, prefix) -> { check, peek, act }
///     check(key, cost = 1, nowUs = -1) -> code; peek(key, cost, nowUs) -> code. One key, one cost
///       for all policies. nowUs < 0: the machine's clock.
///     act(kind, key | keys, nowUs, holder | undefined) -> code of a check or peek; of a release or
///       renewal whether all slots were still held; of an abort whether nobody waits behind it
///       (MemoryStore::Abort); else 0. The rest of the call stands in the exchange. `keys`: one per
///       policy.
void ExportMemory(Napi::Env env, Napi::Object exports);

}  // namespace sluice::addon
