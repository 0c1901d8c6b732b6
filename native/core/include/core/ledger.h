// One policy's part of a reservation: an estimate, charged when it was reserved, that is settled
// later with the real usage.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/time.h"

namespace sluice {

/// The usage that a reservation is settled with when it expires. The numbers are part of the seam
/// to JavaScript and of the values in Redis.
enum class OnExpire : std::uint8_t {
  kEstimate = 0,    ///< the estimate, or the usage so far where that is more
  kCheckpoint = 1,  ///< the usage so far
  kRefund = 2,      ///< none
};
inline constexpr std::uint8_t kLastOnExpire = 2;

/// The outcome of an operation on a reservation. The numbers are part of the seam to JavaScript.
enum class HoldOutcome : std::uint8_t {
  kOk = 0,       ///< it was open
  kUnknown = 1,  ///< never reserved, or closed for longer than kIdLife
  kExpired = 2,
  kSettled = 3,  ///< settled or cancelled before
};

/// The most open reservations of one key under one policy.
inline constexpr std::size_t kMostHolds = 10'000;

struct HoldCharge {
  std::int64_t units = 0;
  std::int64_t mark = 0;  ///< see Decision::mark
};

struct Hold {
  /// One for the estimate and each extension. Behind so many, a charge joins the last under that
  /// one's mark: then less of it may be given back, never more.
  static constexpr std::size_t kMostCharges = 4;

  Micros expires{0};  ///< on the store's clock; see Moment::wall
  OnExpire on_expire = OnExpire::kEstimate;
  std::int64_t used = 0;  ///< the usage so far; never falls
  std::uint8_t count = 0;
  std::array<HoldCharge, kMostCharges> charges;  ///< the first `count` are set; oldest first

  std::span<const HoldCharge> Charges() const { return std::span(charges).first(count); }
  /// The units charged: the estimate, except for slots, which charge none.
  std::int64_t Estimate() const;
  void AddCharge(std::int64_t units, std::int64_t mark);
  /// Whether the usage so far has reached the estimate.
  bool IsSpent() const { return count > 0 && used >= Estimate(); }
  /// The usage that it is settled with when it expires.
  std::int64_t UsageAtExpiry() const;
};

/// The change of the state that settles a hold: a debit of `more` units, or else the credits.
struct Settlement {
  std::int64_t more = 0;
  std::size_t count = 0;
  std::array<HoldCharge, Hold::kMostCharges> credits;  ///< newest charge first

  std::span<const HoldCharge> Credits() const { return std::span(credits).first(count); }
};

/// Settles `hold` with this usage, 0 or more units.
Settlement SettlementOf(const Hold& hold, std::int64_t usage);

}  // namespace sluice
