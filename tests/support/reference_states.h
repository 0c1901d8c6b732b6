// The plainest state of one key under one policy for each algorithm, to check the real ones
// against: lists of charges and times. No formula for a wait: reference_key.h finds waits, and the
// units left, by trial.
//
// All have the same members. `limit` is the limit of the current call.
//   Admits      whether the algorithm admits a call of 1 <= cost <= limit. Changes nothing.
//   Take        charges an admitted call
//   TakeDenied  charges a denied one (chargeDenied)
//   Debit       charges as much as there is room for
//   GiveBack    gives back units of the charge `mark`, or without it of any charge
//   Mark        identifies the last charge; call it right after the charge
//   IsNew       whether the key equals a new one
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/policy.h"

namespace sluice::testing {

/// Token bucket, GCRA and leaky bucket: a vessel into which each unit pours `unit` ns, and which
/// loses one a nanosecond. A clock that goes back undoes the loss.
class ReferenceVessel {
 public:
  ReferenceVessel(Nanos unit, bool shapes) : unit_(unit.count()), shapes_(shapes) {}
  /// Keeps its content under other numbers.
  void Adopt(const ReferenceVessel& other) {
    unit_ = other.unit_;
    shapes_ = other.shapes_;
  }

  bool Admits(std::int64_t cost, std::int64_t limit, Nanos max_wait, Nanos now) const;
  /// The delay of an admitted call.
  Nanos Delay(std::int64_t cost, std::int64_t limit, Nanos now) const;
  void Take(std::int64_t cost, HolderId holder, Nanos now);
  void TakeDenied(std::int64_t cost, std::int64_t limit, HolderId holder, Nanos now);
  void Debit(std::int64_t units, std::int64_t limit, Nanos now);
  void GiveBack(std::int64_t units, std::optional<std::int64_t> mark, Nanos now);
  /// Like GiveBack, for a call that waited. False if others wait behind it.
  bool Abort(std::int64_t units, std::int64_t limit, std::int64_t mark, Nanos now);
  std::int64_t Mark(Nanos now) const;
  bool IsNew(Nanos now) const { return Level(now) == 0; }

 private:
  // 128 bits cannot repeat an overflow of the code under test.
  __extension__ using Level128 = __int128;

  Level128 Level(Nanos now) const;
  void Set(Level128 level, Nanos now);

  std::int64_t unit_;
  bool shapes_;
  Level128 level_ = 0;  // at at_
  Nanos at_{0};
};

/// The charges of the newest window.
class ReferenceFixedWindow {
 public:
  explicit ReferenceFixedWindow(const FixedWindow& policy)
      : window_(policy.window().count()), align_(policy.align()) {}

  bool Admits(std::int64_t cost, std::int64_t limit, Nanos max_wait, Nanos now) const;
  void Take(std::int64_t cost, HolderId holder, Nanos now);
  void TakeDenied(std::int64_t cost, std::int64_t limit, HolderId holder, Nanos now);
  void Debit(std::int64_t units, std::int64_t limit, Nanos now);
  void GiveBack(std::int64_t units, std::optional<std::int64_t> mark, Nanos now);
  std::int64_t Mark(Nanos now) const { return WindowAt(now).first; }
  bool IsNew(Nanos now) const { return CountAt(now) == 0; }

 private:
  /// First and last microsecond but one of the window that counts at `now`.
  std::pair<std::int64_t, std::int64_t> WindowAt(Nanos now) const;
  std::int64_t CountAt(Nanos now) const;
  std::int64_t Count() const;

  std::int64_t window_;
  FixedWindow::Align align_;
  std::int64_t start_ = 0;
  std::vector<std::int64_t> charges_;  // charges of the window that starts at start_
};

/// A count for each window since 1970.
class ReferenceSlidingWindow {
 public:
  explicit ReferenceSlidingWindow(const SlidingWindow& policy) : window_(policy.window().count()) {}

  bool Admits(std::int64_t cost, std::int64_t limit, Nanos max_wait, Nanos now) const;
  void Take(std::int64_t cost, HolderId holder, Nanos now);
  void TakeDenied(std::int64_t cost, std::int64_t limit, HolderId holder, Nanos now);
  void Debit(std::int64_t units, std::int64_t limit, Nanos now);
  void GiveBack(std::int64_t units, std::optional<std::int64_t> mark, Nanos now);
  std::int64_t Mark(Nanos now) const { return IndexAt(now) * window_; }
  bool IsNew(Nanos now) const;

 private:
  std::int64_t IndexAt(Nanos now) const;
  std::int64_t CountOf(std::int64_t index) const;

  std::int64_t window_;
  std::map<std::int64_t, std::int64_t> counts_;  // by number of the window; no entry with count 0
  std::int64_t newest_ = 0;                      // the last changed window
};

/// Every charge with its time.
class ReferenceLog {
 public:
  explicit ReferenceLog(const SlidingLog& policy) : window_(policy.window().count()) {}

  bool Admits(std::int64_t cost, std::int64_t limit, Nanos max_wait, Nanos now) const;
  void Take(std::int64_t cost, HolderId holder, Nanos now);
  void TakeDenied(std::int64_t cost, std::int64_t limit, HolderId holder, Nanos now);
  void Debit(std::int64_t units, std::int64_t limit, Nanos now);
  void GiveBack(std::int64_t units, std::optional<std::int64_t> mark, Nanos now);
  std::int64_t Mark(Nanos now) const { return Latest(now); }
  bool IsNew(Nanos now) const { return Sum(now) == 0; }

 private:
  struct Charge {
    std::int64_t at;
    std::int64_t units;
  };

  std::int64_t Latest(Nanos now) const;
  bool Counts(const Charge& charge, Nanos now) const;
  std::int64_t Sum(Nanos now) const;

  std::int64_t window_;
  std::vector<Charge> charges_;  // in order of arrival
};

/// All holders of slots, with their expiry.
class ReferenceSlots {
 public:
  explicit ReferenceSlots(const Concurrency& policy) : ttl_(policy.ttl().count()) {}
  /// Keeps the holders under other numbers.
  void Adopt(const ReferenceSlots& other) { ttl_ = other.ttl_; }

  bool Admits(std::int64_t cost, std::int64_t limit, Nanos max_wait, Nanos now) const;
  void Take(std::int64_t cost, HolderId holder, Nanos now);
  void TakeDenied(std::int64_t cost, std::int64_t limit, HolderId holder, Nanos now);
  void Debit(std::int64_t /*units*/, std::int64_t /*limit*/, Nanos /*now*/) {}
  void GiveBack(std::int64_t /*units*/, std::optional<std::int64_t> /*mark*/, Nanos /*now*/) {}
  std::int64_t Mark(Nanos /*now*/) const { return 0; }
  bool IsNew(Nanos now) const { return Held(now) == 0; }

  std::int64_t Held(Nanos now) const;
  bool Holds(HolderId holder, Nanos now) const;
  bool Release(HolderId holder, Nanos now);
  bool Renew(HolderId holder, Nanos now);

 private:
  struct Slot {
    HolderId holder;
    std::int64_t until;
  };

  void Forget(Nanos now);

  std::int64_t ttl_;
  std::vector<Slot> slots_;
};

}  // namespace sluice::testing
