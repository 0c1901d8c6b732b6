// Memory stores and limiters, for JavaScript.
#pragma once

#include <napi.h>

namespace sluice::addon {

/// Adds to `exports`:
///   openMemoryStore(name | undefined, maxKeys, externalClock, wallOffsetUs) -> store, or undefined
///     if the name is open with other options. wallOffsetUs: an external clock's offset from 1970
///   memoryStoreStats(store) -> [keys, capacity, evicted]
///   makeMemoryLimiter(store, policies, prefix, idScope, plan) -> { index }, which names the
///     limiter in the calls below until the object is collected
///   memoryCheck(index, key, cost = 1, nowUs = -1) -> code; memoryPeek likewise. One key, one cost
///     for all policies. nowUs < 0: the machine's clock.
///   memoryAct(index, kind, key | keys, nowUs, holder | undefined, id | undefined) -> code of a
///     check or peek; for a release or renewal whether all slots were still held; for an abort
///     whether nobody waits behind it (MemoryStore::Abort); else 0. The rest of the call is in the
///     exchange. `keys`: one per policy.
void ExportMemory(Napi::Env env, Napi::Object exports);

}  // namespace sluice::addon
