// Reservations in a memory store: charges, refunds, and the memory of closed ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/memory_under_test.h"
#include "store/on_threads.h"
#include "support/operations.h"
#include "support/policies.h"
#include "support/scale.h"
#include "support/seed.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Kind = Operation::Kind;

constexpr Nanos kNow = hours(1);
constexpr Micros kTtl = minutes(2);

HolderId Id(std::uint64_t number) { return {.high = 7, .low = number}; }

Policy Budget(std::int64_t limit) {
  return {.name = "budget", .algorithm = Fixed(limit, days(90), FixedWindow::Align::kFirstRequest)};
}

Policy Permits(std::int64_t limit) {
  return {.name = "permits", .algorithm = Slots(limit, hours(1))};
}

class Reservations : public ::testing::Test {
 protected:
  Result Reserve(const OnStore& on, std::uint64_t id, const Costs& estimate, Nanos now = kNow,
                 OnExpire on_expire = OnExpire::kEstimate, Micros ttl = kTtl) {
    return on.Do(
        "k",
        With(Kind::kReserve, estimate, {.holder = Id(id), .hold_for = ttl, .on_expire = on_expire}),
        now);
  }
  Result Extend(const OnStore& on, std::uint64_t id, const Costs& total, Nanos now = kNow) {
    return on.Do("k", With(Kind::kExtend, total, {.holder = Id(id)}), now);
  }
  Result Checkpoint(const OnStore& on, std::uint64_t id, const Costs& used, Nanos now = kNow,
                    Micros ttl = Micros{0}) {
    return on.Do("k", With(Kind::kCheckpoint, used, {.holder = Id(id), .hold_for = ttl}), now);
  }
  Result Settle(const OnStore& on, std::uint64_t id, const Costs& usage, Nanos now = kNow,
                PolicyBits which = 0xffff) {
    return on.Do("k", With(Kind::kSettle, usage, {.holder = Id(id), .which = which}), now);
  }
  Result Cancel(const OnStore& on, std::uint64_t id, Nanos now = kNow) {
    return on.Do("k", With(Kind::kCancel, 0, {.holder = Id(id)}), now);
  }

  MemoryStore store_{{.wall_offset = seconds(77)}};
  OnePolicy tokens_{store_, Budget(1'000)};
};

TEST_F(Reservations, ChargeTheEstimateUntilTheyAreSettled) {
  EXPECT_TRUE(Reserve(tokens_, 1, 600).allowed);
  EXPECT_EQ(tokens_.Used("k", kNow), 600);
  EXPECT_FALSE(Reserve(tokens_, 2, 600).allowed);
  const Result settled = Settle(tokens_, 1, 150);
  EXPECT_EQ(settled.hold, HoldOutcome::kOk);
  EXPECT_EQ(settled.charged[0], 150);
  EXPECT_EQ(tokens_.Used("k", kNow), 150);
  EXPECT_TRUE(Reserve(tokens_, 2, 600).allowed);
}

TEST_F(Reservations, ChargeUsageAboveTheEstimateIntoDebt) {
  const OnePolicy bucket(store_, BucketPolicy("rate", 100, 100, seconds(100)));
  EXPECT_TRUE(Reserve(bucket, 1, 100).allowed);
  EXPECT_EQ(Settle(bucket, 1, 250).charged[0], 250);
  const Decision next = bucket.Look("k", 1, kNow);
  EXPECT_FALSE(next.allowed);
  EXPECT_EQ(next.retry_after, seconds(151));
}

TEST_F(Reservations, OfSeveralPoliciesChargeAllOrNone) {
  const OnStore both(store_, {Budget(1'000), BucketPolicy("rate", 100, 100, seconds(100))});
  EXPECT_FALSE(Reserve(both, 1, {600, 101}).allowed);
  EXPECT_EQ(tokens_.Used("k", kNow), 0);
  EXPECT_TRUE(Reserve(both, 1, {600, 100}).allowed);
  const Result settled = Settle(both, 1, {10, 0}, kNow, 0b01);
  EXPECT_EQ(settled.charged[0], 10);
  EXPECT_EQ(settled.charged[1], 100) << "its estimate stands: its usage was not given";
}

TEST_F(Reservations, AreClosedOnce) {
  Reserve(tokens_, 1, 600);
  Settle(tokens_, 1, 150);
  for (const Result& again : {Settle(tokens_, 1, 999), Cancel(tokens_, 1)}) {
    EXPECT_EQ(again.hold, HoldOutcome::kSettled);
    EXPECT_EQ(again.charged[0], 150);
  }
  EXPECT_EQ(Checkpoint(tokens_, 1, 5).hold, HoldOutcome::kSettled);
  EXPECT_EQ(Extend(tokens_, 1, 700).hold, HoldOutcome::kSettled);
  EXPECT_EQ(tokens_.Used("k", kNow), 150);
  EXPECT_EQ(Settle(tokens_, 2, 5).hold, HoldOutcome::kUnknown);
  EXPECT_EQ(tokens_.Used("k", kNow), 150);
  // After a minute the store has forgotten it.
  EXPECT_EQ(Settle(tokens_, 1, 5, kNow + seconds(61)).hold, HoldOutcome::kUnknown);
  EXPECT_EQ(tokens_.Used("k", kNow), 150);
}

TEST_F(Reservations, MadeTwiceByOneHolderAreChargedOnce) {
  EXPECT_TRUE(Reserve(tokens_, 1, 600).allowed);
  const Result again = Reserve(tokens_, 1, 600);
  EXPECT_TRUE(again.allowed);
  EXPECT_EQ(again.decisions[0].remaining, 400);
  EXPECT_EQ(tokens_.Used("k", kNow), 600);
  Settle(tokens_, 1, 0);
  // The first answer was lost, and another attempt arrives after the end.
  const Result late = Reserve(tokens_, 1, 600);
  EXPECT_FALSE(late.allowed);
  EXPECT_EQ(late.hold, HoldOutcome::kSettled);
  EXPECT_EQ(tokens_.Used("k", kNow), 0);
}

TEST_F(Reservations, AreExtendedToANewTotal) {
  Reserve(tokens_, 1, 600);
  EXPECT_FALSE(Extend(tokens_, 1, 1'001).allowed);
  EXPECT_EQ(tokens_.Used("k", kNow), 600);
  EXPECT_TRUE(Extend(tokens_, 1, 900).allowed);
  EXPECT_TRUE(Extend(tokens_, 1, 900).allowed) << "repeated";
  EXPECT_TRUE(Extend(tokens_, 1, 100).allowed) << "less than there is";
  EXPECT_EQ(tokens_.Used("k", kNow), 900);
  Settle(tokens_, 1, 50);
  EXPECT_EQ(tokens_.Used("k", kNow), 50);
}

TEST_F(Reservations, NoteUsageThatNeverFalls) {
  Reserve(tokens_, 1, 600);
  EXPECT_EQ(Checkpoint(tokens_, 1, 350).spent, 0U);
  EXPECT_EQ(Checkpoint(tokens_, 1, 20).spent, 0U);
  EXPECT_EQ(Cancel(tokens_, 1).charged[0], 350);
  EXPECT_EQ(tokens_.Used("k", kNow), 350);
  Reserve(tokens_, 2, 100);
  EXPECT_EQ(Checkpoint(tokens_, 2, 100).spent, 1U);
  EXPECT_TRUE(Extend(tokens_, 2, 200).allowed);
  EXPECT_EQ(Checkpoint(tokens_, 2, 100).spent, 0U);
}

TEST_F(Reservations, OfTheDeadAreChargedByTheirRule) {
  struct Case {
    OnExpire rule;
    std::int64_t used;
    std::int64_t charged;
  };
  std::uint64_t id = 1;
  for (const Case& c : std::vector<Case>{{OnExpire::kEstimate, 0, 600},
                                         {OnExpire::kEstimate, 700, 700},
                                         {OnExpire::kCheckpoint, 0, 0},
                                         {OnExpire::kCheckpoint, 700, 700},
                                         {OnExpire::kRefund, 700, 0}}) {
    tokens_.Reset("k");
    ASSERT_TRUE(Reserve(tokens_, ++id, 600, kNow, c.rule).allowed);
    Checkpoint(tokens_, id, c.used);
    EXPECT_EQ(tokens_.Used("k", kNow + kTtl - microseconds(1)), 600);
    EXPECT_EQ(tokens_.Used("k", kNow + kTtl), c.charged);
    const Result late = Settle(tokens_, id, 1, kNow + kTtl);
    EXPECT_EQ(late.hold, HoldOutcome::kExpired);
    EXPECT_EQ(late.charged[0], c.charged);
    EXPECT_EQ(tokens_.Used("k", kNow + kTtl), c.charged);
  }
}

// The bucket drains a unit a second. At +10 s, 50 of the first 60 units are undrained: 40 are left.
// At +20 s the second has used 10 more than its estimate: 30 and 10.
TEST_F(Reservations, ExpireAsAtTheirOwnInstant) {
  const OnePolicy bucket(store_, BucketPolicy("rate", 100, 100, seconds(100)));
  ASSERT_TRUE(Reserve(bucket, 1, 60, kNow, OnExpire::kRefund, seconds(10)).allowed);
  ASSERT_TRUE(Reserve(bucket, 2, 40, kNow, OnExpire::kCheckpoint, seconds(20)).allowed);
  Checkpoint(bucket, 2, 50);
  EXPECT_EQ(bucket.Used("k", kNow + seconds(25)), 35);
}

TEST_F(Reservations, AreRenewed) {
  Reserve(tokens_, 1, 600, kNow, OnExpire::kRefund);
  EXPECT_EQ(Checkpoint(tokens_, 1, 0, kNow + minutes(1), kTtl).hold, HoldOutcome::kOk);
  EXPECT_EQ(tokens_.Used("k", kNow + kTtl), 600);
  EXPECT_EQ(tokens_.Used("k", kNow + minutes(3)), 0);
  EXPECT_EQ(Checkpoint(tokens_, 1, 0, kNow + minutes(3), kTtl).hold, HoldOutcome::kExpired);
}

TEST_F(Reservations, HoldASlotAsLongAsTheyLast) {
  const OnePolicy permits(store_, Permits(1));
  const auto is_free = [&](Nanos now) { return permits.Look("k", 1, now).allowed; };
  const Result first = Reserve(permits, 1, 1);
  EXPECT_TRUE(first.allowed);
  EXPECT_EQ(first.decisions[0].reset_after, kTtl) << "not the policy's own ttl";
  EXPECT_FALSE(Reserve(permits, 2, 1).allowed);
  EXPECT_EQ(Settle(permits, 1, 1).hold, HoldOutcome::kOk);
  EXPECT_TRUE(is_free(kNow));
  Reserve(permits, 3, 1);
  EXPECT_FALSE(is_free(kNow + kTtl - microseconds(1)));
  EXPECT_TRUE(is_free(kNow + kTtl));
  Reserve(permits, 4, 1, kNow + kTtl);
  Checkpoint(permits, 4, 0, kNow + minutes(3), hours(2));
  EXPECT_FALSE(is_free(kNow + hours(2)));
  EXPECT_TRUE(is_free(kNow + hours(2) + minutes(3)));
}

TEST_F(Reservations, OfNothingAreAdmittedAndCanBeSettled) {
  EXPECT_TRUE(Reserve(tokens_, 1, 0).allowed);
  EXPECT_EQ(Settle(tokens_, 1, 70).charged[0], 70);
  EXPECT_EQ(tokens_.Used("k", kNow), 70);
}

TEST_F(Reservations, AboveTheLimitAreDeniedForEver) {
  const Result result = Reserve(tokens_, 1, 1'001);
  EXPECT_FALSE(result.allowed);
  EXPECT_EQ(result.decisions[0].retry_after, kNever);
  EXPECT_EQ(Settle(tokens_, 1, 1).hold, HoldOutcome::kUnknown);
}

TEST_F(Reservations, AreForgottenWithTheirKey) {
  Reserve(tokens_, 1, 600);
  tokens_.Reset("k");
  EXPECT_EQ(tokens_.Used("k", kNow), 0);
  EXPECT_EQ(Settle(tokens_, 1, 5).hold, HoldOutcome::kUnknown);
  EXPECT_EQ(tokens_.Used("k", kNow), 0);
}

TEST_F(Reservations, AreDeniedWhenTooManyAreOpen) {
  const OnePolicy many(store_, Budget(1'000'000));
  for (std::uint64_t id = 1; id <= kMostHolds; ++id) {
    ASSERT_TRUE(Reserve(many, id, 1, kNow + microseconds(id)).allowed);
  }
  const Nanos now = kNow + seconds(1);
  const Result denied = Reserve(many, kMostHolds + 1, 1, now);
  EXPECT_FALSE(denied.allowed);
  EXPECT_EQ(denied.decisions[0].retry_after, kNow + microseconds(1) + kTtl - now);
  EXPECT_TRUE(many.Take("k", 1, now)) << "checks go on";
  Settle(many, 5, 1, now);
  EXPECT_TRUE(Reserve(many, kMostHolds + 1, 1, now).allowed);
}

TEST_F(Reservations, AShadowThatDidNotChargeIsNotSettled) {
  Policy shadow = Budget(100);
  shadow.enforce = false;
  const OnStore both(store_, {shadow, BucketPolicy("rate", 1'000, 1'000, seconds(100))});
  EXPECT_TRUE(Reserve(both, 1, 500).allowed);
  EXPECT_EQ(Settle(both, 1, 50).charged[0], 0);
  EXPECT_EQ(OnePolicy(store_, shadow).Used("k", kNow), 0);
}

TEST_F(Reservations, ExtendedManyTimesGiveBackNoMoreThanTheyCharged) {
  const OnePolicy bucket(store_, BucketPolicy("rate", 100, 100, seconds(100)));
  Reserve(bucket, 1, 10, kNow, OnExpire::kRefund, hours(1));
  Nanos now = kNow;
  for (std::int64_t total = 20; total <= 60; total += 10) {
    now += seconds(5);
    ASSERT_TRUE(Extend(bucket, 1, total, now).allowed);
  }
  // 60 charged, 25 drained.
  EXPECT_EQ(bucket.Used("k", now), 35);
  ASSERT_TRUE(bucket.Take("k", 65, now));
  Settle(bucket, 1, 0, now);
  EXPECT_GE(bucket.Used("k", now), 65) << "the others' charge stays";
  EXPECT_LE(bucket.Used("k", now), 85);
}

// A window longer than the run: the units in it are those of the settled, the dead and the open.
TEST(ReservationProperties, BalanceToTheUnit) {
  Random random(TestSeed());
  struct Open {
    std::int64_t estimate = 0;
    std::int64_t used = 0;
    OnExpire rule = OnExpire::kEstimate;
    Nanos expires{0};
  };
  constexpr int kStepsPerRound = 200;
  const int rounds = Steps(20'000) / kStepsPerRound;
  for (int round = 0; round < rounds; ++round) {
    MemoryStore store({.wall_offset = -seconds(random.Between(0, 1'000))});
    const std::int64_t limit = random.Between(100, 2'000);
    const OnStore on(store, {Budget(limit), Permits(random.Between(1, 20))});
    const OnePolicy budget(store, Budget(limit));
    std::map<std::uint64_t, Open> open;
    std::int64_t closed = 0;
    Nanos now = kNow;
    const auto expire = [&] {
      for (auto it = open.begin(); it != open.end();) {
        const Open& o = it->second;
        if (o.expires > now) {
          ++it;
          continue;
        }
        if (o.rule == OnExpire::kEstimate) closed += std::max(o.used, o.estimate);
        if (o.rule == OnExpire::kCheckpoint) closed += o.used;
        it = open.erase(it);
      }
    };
    for (int step = 0; step < kStepsPerRound; ++step) {
      now += microseconds(random.Between(0, 2'000'000));
      expire();
      const auto id = static_cast<std::uint64_t>(random.Between(1, 12));
      const auto found = open.find(id);
      Open* const own = found == open.end() ? nullptr : &found->second;
      const std::int64_t units = random.Between(0, limit / 4);
      const auto with = [&](Kind kind, std::int64_t cost, Micros ttl = Micros{0}) {
        // An id is used again only once its end is forgotten.
        return on.Do(
            "k",
            With(kind, {cost, kind == Kind::kReserve ? 1 : 0},
                 {.holder = Id(id + static_cast<std::uint64_t>(round * 1'000 + step / 50 * 100)),
                  .which = 0b01,
                  .hold_for = ttl,
                  .on_expire = static_cast<OnExpire>(units % 3)}),
            now);
      };
      if (step % 50 == 0) {
        // Close all, as the ids change.
        now += hours(1);
        expire();
        continue;
      }
      switch (random.Between(0, 6)) {
        case 0:
        case 1: {
          const Micros ttl = microseconds(random.Between(1, 20'000'000));
          const Result result = with(Kind::kReserve, units, ttl);
          if (own == nullptr && result.allowed) {
            open[id] = {
                .estimate = units, .rule = static_cast<OnExpire>(units % 3), .expires = now + ttl};
          }
          break;
        }
        case 2: {
          const Result result = with(Kind::kExtend, units);
          EXPECT_EQ(own != nullptr, result.hold == HoldOutcome::kOk);
          if (own != nullptr && result.allowed) own->estimate = std::max(own->estimate, units);
          break;
        }
        case 3: {
          const Micros ttl = microseconds(random.OneIn(2) ? 0 : random.Between(1, 20'000'000));
          const Result result = with(Kind::kCheckpoint, units, ttl);
          EXPECT_EQ(own != nullptr, result.hold == HoldOutcome::kOk);
          if (own == nullptr) break;
          own->used = std::max(own->used, units);
          if (ttl != Micros{0}) own->expires = now + ttl;
          break;
        }
        case 4:
        case 5: {
          const bool cancels = random.OneIn(2);
          const Result result = with(cancels ? Kind::kCancel : Kind::kSettle, units);
          ASSERT_EQ(own != nullptr, result.hold == HoldOutcome::kOk);
          if (own == nullptr) break;
          ASSERT_EQ(result.charged[0], cancels ? own->used : units);
          closed += result.charged[0];
          open.erase(found);
          break;
        }
        default:
          if (budget.Take("k", units, now)) closed += units;
      }
      std::int64_t expected = closed;
      for (const auto& [_, o] : open) expected += o.estimate;
      const Decision look = budget.Look("k", 0, now);
      ASSERT_EQ(look.remaining, std::max<std::int64_t>(0, limit - expected))
          << "round " << round << " step " << step;
    }
  }
}

TEST(ReservationThreads, TheSumIsExact) {
  MemoryStore store({});
  constexpr std::int64_t kLimit = 1'000'000'000;
  const OnePolicy budget(store, Budget(kLimit));
  std::atomic<std::int64_t> charged{0};
  OnThreads([&](int thread) {
    Random random(static_cast<std::uint64_t>(thread));
    for (std::int64_t i = 0; i < 300 * kScale; ++i) {
      const HolderId holder{.high = static_cast<std::uint64_t>(thread) + 1,
                            .low = static_cast<std::uint64_t>(i)};
      const Micros ttl = microseconds(random.Between(1, 1'000));
      const Nanos now = kNow + microseconds(i);
      const bool reserved =
          budget
              .Do("k",
                  With(Kind::kReserve, 10,
                       {.holder = holder, .hold_for = ttl, .on_expire = OnExpire::kRefund}),
                  now)
              .allowed;
      ASSERT_TRUE(reserved);
      if (random.OneIn(3)) continue;  // it dies
      const Result settled =
          budget.Do("k", With(Kind::kSettle, 1 + i % 20, {.holder = holder, .which = 1}),
                    now + microseconds(random.Between(0, 500)));
      if (settled.hold == HoldOutcome::kOk) charged += settled.charged[0];
      if (budget.Take("k", 1, now)) charged += 1;
    }
  });
  EXPECT_EQ(budget.Used("k", kNow + hours(1)), charged.load());
}

}  // namespace
}  // namespace sluice::testing
