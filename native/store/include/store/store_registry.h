// Memory stores that all threads of a process share by name.
#pragma once

#include <memory>
#include <string_view>

#include "store/memory_store.h"

namespace sluice {

/// Opens the process's memory store with that name, and makes it if it is not open; it ends with
/// its last owner. Returns null if it is open with another `max_keys` or another kind of clock.
/// `options.seed` and `options.wall_offset` count only when it is made. Thread safe.
std::shared_ptr<MemoryStore> OpenNamedStore(std::string_view name,
                                            const MemoryStore::Options& options,
                                            bool external_clock);

}  // namespace sluice
