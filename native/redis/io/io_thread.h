// The thread that moves bytes between a Router's protocols and the network. It contains no
// rules.
#pragma once

#include <memory>

#include "redis/backend.h"
#include "redis/server_set.h"

namespace sluice::redis {

/// Starts the thread. The last owner's release ends it; unanswered requests get kClosed. That waits
/// for the thread, unless it happens on it. Throws std::system_error if the system has no thread or
/// file descriptor left.
std::shared_ptr<Backend> StartIoThread(const ServerSet& set);

}  // namespace sluice::redis
