// The history of a run: every request with its state and answer, changes of policy, and totals.
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

/// One request, with everything that explains its decision.
struct Request {
  std::uint64_t id = 0;  ///< 1, 2, ... in the order of arrival
  Nanos at{0};
  std::uint32_t caller = 0;
  Origin origin = Origin::kTraffic;
  std::int64_t cost = 1;
  std::shared_ptr<const ChosenPolicy> policy{};  ///< the policy at its arrival
  Reading before{};                              ///< the caller's state before it
  Reading after{};
  Decision decision{};
  /// For an admitted call with a slot: the time until it releases the slot or the slot expires.
  Nanos held{0};
  /// The number of that slot: the lowest free one, from 0.
  std::uint32_t slot = 0;

  /// The time at which an admitted call goes on (a shaping policy may delay it).
  Nanos Leaves() const { return at + decision.delay; }
  Nanos HeldUntil() const { return at + held; }
};

/// `policy` holds from `at` on.
struct PolicyChange {
  Nanos at{0};
  std::shared_ptr<const ChosenPolicy> policy;
  /// With another algorithm or window, every caller starts anew.
  bool fresh = true;
  /// The id of the first request under this policy.
  std::uint64_t first_request = 1;
};

/// Numbers of requests and of their cost units.
struct Totals {
  std::int64_t requests = 0;
  std::int64_t admitted = 0;
  std::int64_t units_offered = 0;
  std::int64_t units_admitted = 0;

  std::int64_t denied() const { return requests - admitted; }
  void Add(const Request& request);
};

/// Keeps a bounded number of requests: drops the oldest, but not their totals. Times never
/// decrease.
class History {
 public:
  explicit History(std::uint32_t callers, std::size_t most_requests = kMostRequests);

  void Add(const Request& request);
  void Add(const PolicyChange& change);

  const std::deque<Request>& requests() const { return requests_; }
  /// At least one during a run; the first holds from time 0.
  const std::vector<PolicyChange>& policy_changes() const { return policy_changes_; }
  const Totals& totals() const { return totals_; }
  const std::vector<Totals>& per_caller() const { return per_caller_; }
  /// Whether requests before the first kept one were dropped.
  bool truncated() const { return truncated_; }

  /// The first request at `at` or later; end() if there is none.
  std::deque<Request>::const_iterator FirstFrom(Nanos at) const;
  /// The newest kept request of `caller` before `at`; null if there is none.
  const Request* LastBefore(std::uint32_t caller, Nanos at) const;
  /// The request with this id; null if it is unknown or was dropped.
  const Request* Find(std::uint64_t id) const;
  /// The id of the first request since the last fresh start of all callers at or before `at`.
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
