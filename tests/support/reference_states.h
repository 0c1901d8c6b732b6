// The state of one key under one policy, told as plainly as each algorithm allows, to check the
// real ones against: lists of what was charged and when. No formula for a wait: reference_key.h
// finds waits, and what is left, by trying.
//
// All have the same members. `limit` is the limit of the call at hand.
//   Admits      whether the algorithm lets a call of 1 <= cost <= limit pass. Changes nothing.
//   Take        charges an admitted call
//   TakeDenied  charges a denied one (chargeDenied)
//   Debit       charges whatever there is room for
//   GiveBack    takes back, of the charge named by `mark` or of whatever there is
//   Mark        names what was charged last; asked right after
//   IsNew       whether the key equals one never seen
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/policy.h"

namespace sluice::testing {

/// Token bucket, GCRA and leaky bucket: a vessel into which each unit pours `unit` ns, and which
/// loses one a nanosecond. A clock that goes back has the loss undone.
class ReferenceVessel {
 public:
  ReferenceVessel(Nanos unit, bool shapes) : unit_(unit.count()), shapes_(shapes) {}
  /// Goes on with what is in it under other numbers.
  void Adopt(const ReferenceVessel& other) {
    unit_ = other.unit_;
    shapes_ = other.shapes_;
  }

  bool Admits(std::int64_t cost, std::int64_t limit, Nanos max_wait, Nanos now) const;
  /// How long a call that is admitted has to wait.
  Nanos Delay(std::int64_t cost, std::int64_t limit, Nanos now) const;
  void Take(std::int64_t cost, HolderId holder, Nanos now);
  void TakeDenied(std::int64_t cost, std::int64_t limit, HolderId holder, Nanos now);
  void Debit(std::int64_t units, std::int64_t limit, Nanos now);
  void GiveBack(std::int64_t units, std::optional<std::int64_t> mark, Nanos now);
  /// As GiveBack, for a call that waited. False if others wait behind it.
  bool Abort(std::int64_t units, std::int64_t limit, std::int64_t mark, Nanos now);
  std::int64_t Mark(Nanos now) const;
  bool IsNew(Nanos now) const { return Level(now) == 0; }

 private:
  // 128 bits, so that no overflow of the code under test is repeated here.
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
  std::vector<std::int64_t> charges_;  // of the window that starts at start_
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
  std::map<std::int64_t, std::int64_t> counts_;  // by number of the window; none of 0
  std::int64_t newest_ = 0;                      // window that saw a change
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
  std::vector<Charge> charges_;  // in the order in which they came
};

/// Everybody who holds a slot, and until when.
class ReferenceSlots {
 public:
  explicit ReferenceSlots(const Concurrency& policy) : ttl_(policy.ttl().count()) {}
  /// Goes on with those who hold slots under other numbers.
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
