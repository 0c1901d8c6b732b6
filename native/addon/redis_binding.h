// Limiters over Redis, as JavaScript calls them.
#pragma once

#include <napi.h>

namespace sluice::addon {

/// Adds to `exports`:
///   makeRedisLimiter({ servers (see ReadServers) | gateway (see ExportRelay), policies, prefix,
///   onStoreError, deadlineUs, maxKeys })
///     -> { ask, flush, stats, close }
///     ask(kind, key | keys, cost, ticket, holder?, shard?, id?): queues a question, or throws and
///       queues none. cost < 0: the rest of the call stands in the exchange. flush(): sends what is
///       queued.
///     close(): lets go of the link; what is under way is still answered.
///   onAnswers(receiver): see AnswerQueue::SetReceiver
///   redisFaults: the names of the fault numbers
void ExportRedis(Napi::Env env, Napi::Object exports);

}  // namespace sluice::addon
