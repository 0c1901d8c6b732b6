// Users' Redis clients, for the Redis backend.
#pragma once

#include <napi.h>

#include <memory>

#include "redis/gateway.h"

namespace sluice::addon {

/// Reads the `gateway` of makeRelay.
std::shared_ptr<redis::Gateway> ReadGateway(const Napi::Value& held);

/// Adds to `exports`:
///   makeRelay(address, cluster, mapsSlots)
///       -> { gateway, slots, route, take, reply, fail, due, onTime }
///     mapsSlots: the client knows which nodes have which slots; see route.
///     gateway: for makeRedisLimiter. Requests come through it on this thread, and their answers
///       with the environment's others.
///     slots() -> the slots of the requests that have come, each once; undefined if no request has.
///       To be called before take() if mapsSlots.
///     route(nodes): for each of these slots a number of the node that has it now
///       (ClientSession::Options::node_of), and has the requests go on.
///     take() -> the commands for the client since the last call, in order, each as [id, name,
///       arguments, index of the first key, ms for which someone waits]; undefined if none.
///     reply(id, value): the client's answer to a command: numbers as numbers, BigInts or strings,
///       texts as strings or Buffers, in an array or alone.
///     fail(id, why): the client rejected it: with the server's error, or for a reason of its own.
///     due() -> in how many ms onTime() is to be called; Infinity if not at all.
///     onTime(): to be called once the replies that have come were handed over.
void ExportRelay(Napi::Env env, Napi::Object exports);

}  // namespace sluice::addon
