// Redis clients that are not ours, as JavaScript hands them over.
#pragma once

#include <napi.h>

#include <memory>

#include "redis/gateway.h"

namespace sluice::addon {

/// What `gateway` of makeRelay is.
std::shared_ptr<redis::Gateway> ReadGateway(const Napi::Value& held);

/// Adds to `exports`:
///   makeRelay(address, cluster, nodeOf) -> { gateway, take, reply, fail, due, onTime }
///     nodeOf(slot), or undefined: see Relay::Options. Whoever calls has to keep it alive.
///     gateway: for makeRedisLimiter. Requests come through it on this thread, and their answers
///       with the environment's others.
///     take() -> the commands for the client since the last call, in order, each as [id, name,
///       arguments, index of the first key, ms for which someone waits]; undefined if none.
///     reply(id, value): the client's answer to a command: numbers as numbers, BigInts or strings,
///       texts as strings or Buffers, in an array or alone.
///     fail(id, why): the client rejected it: with the server's error, or for a reason of its own.
///     due() -> in how many ms onTime() is to be called; Infinity if not at all.
///     onTime(): to be called once the replies that have come were handed over.
void ExportRelay(Napi::Env env, Napi::Object exports);

}  // namespace sluice::addon
