// A process's connection to a Redis server, or to several that belong together.
#pragma once

#include <memory>

#include "redis/backend.h"
#include "redis/endpoint.h"
#include "redis/server_set.h"

namespace sluice::redis {

/// The process's backend for these servers and credentials; makes one if there is none. It has one
/// connection to each server and one I/O thread. Thread safe.
///
/// It connects when it is made, and reconnects while it exists. When the last owner releases it,
/// requests in flight are answered with kClosed and the I/O thread ends. That may happen on any
/// thread, even the I/O thread (by a sink that owns the backend).
///
/// Throws std::system_error if the system has no thread or file descriptor left.
std::shared_ptr<Backend> Connect(const ServerSet& set);
/// The same for one server.
std::shared_ptr<Backend> Connect(const Endpoint& server);

}  // namespace sluice::redis
