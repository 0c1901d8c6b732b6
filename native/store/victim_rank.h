// The rank of entries for eviction: the lowest rank goes first.
#pragma once

namespace sluice {

inline constexpr double kExpiredRank = -1;  ///< costs nothing
                                            ///< 0 and more: the share of its limit used
inline constexpr double kDeniedRank = 1e6;  ///< and more: a key that was denied
inline constexpr double kNoRank = 1e300;    ///< there is nothing to evict

/// The number of entries to compare for one eviction, if there are so many.
inline constexpr int kVictimsLookedAt = 16;

}  // namespace sluice
