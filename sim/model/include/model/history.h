// What happened: every request with the state it met and the answer, changes of policy, and totals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "core/decision.h"
#include "core/reading.h"
#include "model/policy_numbers.h"

namespace sluice::sim {

enum class Origin : std::uint8_t { kTraffic, kPerson };

/// One request and why it was answered so.
struct Request {
  std::uint64_t id = 0;  ///< 1, 2, ... in the order of arrival
  Nanos at{0};
  std::uint32_t caller = 0;
  Origin origin = Origin::kTraffic;
  std::int64_t cost = 1;
  std::shared_ptr<const ChosenPolicy> policy{};  ///< in force when it came
  Reading before{};                              ///< the caller's state, as the rule saw it
  Reading after{};
  Decision decision{};
  /// An admitted call that took a slot: how long it keeps it, until it ends or the slot expires.
  Nanos held{0};
  /// Which slot that is: the lowest that was free, from 0.
  std::uint32_t slot = 0;

  /// When an admitted call goes on (a shaping policy may have held it back).
  Nanos Leaves() const { return at + decision.delay; }
  Nanos HeldUntil() const { return at + held; }
};

/// From `at` on, `policy` holds.
struct PolicyChange {
  Nanos at{0};
  std::shared_ptr<const ChosenPolicy> policy;
  /// Another algorithm, or another window: every caller starts anew.
  bool fresh = true;
  /// The id of the first request that meets it.
  std::uint64_t first_request = 1;
};

/// Requests, and the cost units they asked for.
struct Totals {
  std::int64_t requests = 0;
  std::int64_t admitted = 0;
  std::int64_t units_offered = 0;
  std::int64_t units_admitted = 0;

  std::int64_t denied() const { return requests - admitted; }
  void Add(const Request& request);
};

/// Bounded: the oldest requests are dropped, the totals go on. Times never decrease.
class History {
 public:
  explicit History(std::uint32_t callers, std::size_t most_requests = kMostRequests);

  void Add(const Request& request);
  void Add(const PolicyChange& change);

  const std::deque<Request>& requests() const { return requests_; }
  /// At least one once a run has begun; the first holds from time 0.
  const std::vector<PolicyChange>& policy_changes() const { return policy_changes_; }
  const Totals& totals() const { return totals_; }
  const std::vector<Totals>& per_caller() const { return per_caller_; }
  /// Whether requests before the first one held have been dropped.
  bool truncated() const { return truncated_; }

  /// The first request at `at` or later; end() if there is none.
  std::deque<Request>::const_iterator FirstFrom(Nanos at) const;
  /// The newest request of `caller` held that came before `at`; null if there is none.
  const Request* LastBefore(std::uint32_t caller, Nanos at) const;
  /// The request with this id; null if there is none or it was dropped.
  const Request* Find(std::uint64_t id) const;
  /// The id of the first request since every caller last started anew, at `at` or before.
  std::uint64_t FreshSince(Nanos at) const;

 private:
  static constexpr std::size_t kMostRequests = std::size_t{1} << 18;

  std::size_t most_requests_;
  std::deque<Request> requests_;
  std::vector<PolicyChange> policy_changes_;
  Totals totals_;
  std::vector<Totals> per_caller_;
  bool truncated_ = false;
};

}  // namespace sluice::sim
