// How the tables of a store compare the entries that they could give up: the lowest rank goes.
#pragma once

namespace sluice {

inline constexpr double kExpiredRank = -1;  ///< costs nothing
                                            ///< 0 and more: the share of its limit used
inline constexpr double kDeniedRank = 1e6;  ///< and more: a key that was denied
inline constexpr double kNoRank = 1e300;    ///< there is nothing to give up

/// How many entries are looked at for one to give up, where there are so many.
inline constexpr int kVictimsLookedAt = 16;

}  // namespace sluice
