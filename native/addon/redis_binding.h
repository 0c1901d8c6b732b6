// Limiters over Redis, for JavaScript.
#pragma once

#include <napi.h>

namespace sluice::addon {

/// Adds to `exports`:
///   makeRedisLimiter({ servers (see ReadServers) | backend (see ExportClientSession), policies,
///   prefix, onStoreError, deadlineUs, maxKeys })
///     -> { ask, flush, stats, close }
///     ask(kind, key | keys, cost, ticket, holder?, shard?, id?): returns the code of the answer
///       (WriteAnswer; its numbers are in the exchange), or kQueued if the answer comes later under
///       `ticket`. Queues nothing if it throws. cost < 0: the rest of the call is in the exchange.
///     flush(): sends the queued operations.
///     close(): releases the connection; operations in flight are still answered.
///   onAnswers(receiver): see AnswerBridge::SetReceiver
///   redisFaults: the names of the fault numbers
void ExportRedis(Napi::Env env, Napi::Object exports);

}  // namespace sluice::addon
