// The cluster slots of a request's keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "redis/request.h"

namespace sluice::redis {

inline constexpr std::uint16_t kSlots = 16384;

/// The slot of all names with this text between their braces.
/// Source: Redis Cluster specification, "Key distribution model" (CRC-16/XMODEM).
std::uint16_t SlotOfTag(std::string_view tag);

/// The slot of all states of the request; not set if they are in different ones.
std::optional<std::uint16_t> SlotOf(const Request& request);

/// The error text for that (Fault::kCrossSlot).
inline constexpr std::string_view kSlotsApart =
    "the keys of one call are in different slots of the cluster, which cannot decide on them in "
    "one step";

}  // namespace sluice::redis
