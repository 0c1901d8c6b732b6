// An operation on a key, as every store takes it: what to do, at what cost, with which options.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/concurrency.h"
#include "core/ledger.h"
#include "core/policy.h"
#include "core/time.h"

namespace sluice {

/// Units for each policy: nearly always the same for all. Does not allocate unless they differ;
/// copies share the list.
class Costs {
 public:
  Costs(std::int64_t all = 0) : all_(all) {}
  /// At most kMaxPolicies; the policies behind them cost 0.
  explicit Costs(std::span<const std::int64_t> each) {
    auto copy = std::make_shared<Each>();
    std::ranges::copy(each, copy->begin());
    each_ = std::move(copy);
  }
  Costs(std::initializer_list<std::int64_t> each) : Costs(std::span(each.begin(), each.size())) {}

  std::int64_t operator[](std::size_t policy) const { return each_ ? (*each_)[policy] : all_; }

  /// Whether they are equal for the first `count` policies.
  bool SameFor(std::size_t count, const Costs& other) const {
    if (!each_ && !other.each_) return all_ == other.all_;
    for (std::size_t i = 0; i < count; ++i) {
      if ((*this)[i] != other[i]) return false;
    }
    return true;
  }

  /// The first `count` are set.
  std::array<std::int64_t, kMaxPolicies> Spread(std::size_t count) const {
    std::array<std::int64_t, kMaxPolicies> all;
    for (std::size_t i = 0; i < count; ++i) all[i] = (*this)[i];
    return all;
  }

 private:
  using Each = std::array<std::int64_t, kMaxPolicies>;

  std::int64_t all_ = 0;
  std::shared_ptr<const Each> each_;
};

/// A value: copying one shares its options. The key is not part of it, as each store has a form of
/// its own for keys.
struct Operation {
  /// The numbers are part of the seam to JavaScript (`Kind` in js/native.ts).
  enum class Kind : std::uint8_t {
    kCheck = 0,    ///< decide and charge
    kPeek = 1,     ///< decide only; writes nothing
    kReset = 2,    ///< forget the key under these policies, blocks included
    kDebit = 3,    ///< charge `costs`, into debt if need be
    kCredit = 4,   ///< give back up to `costs`
    kAbort = 5,    ///< the same for a call that gave up waiting (TatAlgorithm::Aborted)
    kRelease = 6,  ///< give a holder's slots back
    kRenew = 7,    ///< hold them for another time to live
    kBlock = 8,    ///< deny for a while every call that costs anything
    kUnblock = 9,  ///< end blocks
    // Reservations, which Options::holder names.
    kReserve = 10,     ///< check, and hold what was charged until it is settled or expires
    kExtend = 11,      ///< check for the rest of `costs`, the new estimates
    kCheckpoint = 12,  ///< note `costs`, the usage so far, and hold for another `hold_for`
    kSettle = 13,      ///< charge `costs`, the real usage, in place of the estimates
    kCancel = 14,      ///< the same with the usage noted so far
  };
  static constexpr Kind kLastKind = Kind::kCancel;

  /// One number per policy.
  using Marks = std::array<std::int64_t, kMaxPolicies>;

  /// Options that few operations have.
  struct Options {
    /// kCheck, kPeek: another limit per policy. kAbort: the limits of the call that gave up.
    Limits limits = kOwnLimits;
    /// kCheck, kPeek: the longest wait the caller accepts; see Evaluate.
    Nanos max_wait = kNoWait;
    /// kCredit, kAbort: the charges to give back (Decision::mark; the lower 53 bits are enough).
    /// Not set: any. Required by kAbort.
    std::optional<Marks> marks{};
    /// kCheck: the holder of the slots that concurrency policies grant. kRelease, kRenew: of the
    /// slots in question. Required by these where there is such a policy.
    HolderId holder{};
    /// An idempotency key, any bytes. kCheck, kDebit, kCredit: repeated under the same id within
    /// kIdLife, it is charged once. kAbort: the id of the check, which is forgotten. Empty: none.
    std::string id{};
    /// kBlock: 1 ns to kLongestSpan, from now on, in place of any block that there is.
    Nanos block_for{0};
    /// kBlock, kUnblock: the policies whose state is blocked. 0: all.
    /// kSettle: the policies whose usage `costs` gives. The estimates of the others stand.
    PolicyBits which = 0;
    /// kReserve: the time after which the reservation expires, 1 us to kLongestSpan. kCheckpoint:
    /// the same, from now on; 0: as it was.
    Micros hold_for{0};
    /// kReserve.
    OnExpire on_expire = OnExpire::kEstimate;
    /// kCredit, kAbort, kRelease, kRenew: this process granted the charge, in place of a store that
    /// failed.
    bool charged_locally = false;
  };

  Kind kind = Kind::kCheck;
  /// kCheck, kPeek, kDebit, kCredit, kAbort: 0 <= cost < 2^31. A debit charges whatever there is
  /// room for. Slots are given back by kRelease alone.
  Costs costs = 1;
  /// Null: the defaults.
  std::shared_ptr<const Options> options{};

  /// Whether its result holds decisions.
  bool decides() const {
    return kind == Kind::kCheck || kind == Kind::kPeek || kind == Kind::kReserve ||
           kind == Kind::kExtend;
  }
  /// Whether the rule for a store that fails decides it.
  bool follows_rule() const { return decides() && kind != Kind::kExtend; }
  bool is_of_reservation() const { return kind >= Kind::kReserve; }
  std::int64_t LimitOf(std::size_t policy) const {
    return options ? options->limits[policy] : kOwnLimit;
  }
  Ask AskOf(std::size_t policy) const {
    return {.cost = costs[policy],
            .limit = LimitOf(policy),
            .slot_ttl = kind == Kind::kReserve ? options->hold_for : Micros{0}};
  }
  std::optional<std::int64_t> MarkOf(std::size_t policy) const {
    if (!options || !options->marks) return std::nullopt;
    return (*options->marks)[policy];
  }
  Nanos max_wait() const { return options ? options->max_wait : kNoWait; }
  HolderId holder() const { return options ? options->holder : HolderId{}; }
  PolicyBits which() const { return options ? options->which : 0; }
  bool has_id() const { return options && !options->id.empty(); }
};

}  // namespace sluice
