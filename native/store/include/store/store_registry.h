// Memory stores that all threads of a process share by name.
#pragma once

#include <memory>
#include <string_view>

#include "store/memory_store.h"

namespace sluice {

/// Opens the process's memory store of that name, making it if nobody holds it open; it ends when
/// the last holder lets go. Returns null if it is open with another `max_keys` or another kind of
/// clock. `options.seed` and `options.wall_offset` are used only when it is made. Thread safe.
std::shared_ptr<MemoryStore> OpenNamedStore(std::string_view name,
                                            const MemoryStore::Options& options,
                                            bool external_clock);

}  // namespace sluice
