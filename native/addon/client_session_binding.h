// Users' Redis clients, for the Redis backend.
#pragma once

#include <napi.h>

#include <memory>

#include "redis/backend.h"

namespace sluice::addon {

/// Reads the `backend` of makeClientSession.
std::shared_ptr<redis::Backend> ReadBackend(const Napi::Value& held);

/// Adds to `exports`:
///   makeClientSession(address, cluster, mapsSlots)
///       -> { backend, slots, route, take, reply, fail, due, onTime }
///     mapsSlots: the client knows which node has a slot; see route.
///     backend: for makeRedisLimiter. Takes requests on this thread; their answers come with the
///       environment's others.
///     slots() -> the slots of the new requests, each once; undefined without a new request. With
///       mapsSlots, call it before take().
///     route(nodes): sets the number of each slot's node (ClientSession::Options::node_of). The
///       requests then go on.
///     take() -> the client's commands since the last call, in order, each as [id, name,
///       arguments, index of the first key, the longest wait of a caller in ms]; undefined if none.
///     reply(id, value): the client's answer to a command: numbers as numbers, BigInts or strings,
///       texts as strings or Buffers, in an array or alone.
///     fail(id, why): the client rejected the command, with the server's error or its own reason.
///     due() -> the ms until the next call of onTime(); Infinity if there is none.
///     onTime(): call it after the handover of all replies so far.
void ExportClientSession(Napi::Env env, Napi::Object exports);

}  // namespace sluice::addon
