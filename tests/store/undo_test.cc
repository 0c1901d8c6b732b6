// Undo of a charge that another thread made useless, and the charges that it must not touch.
#include <gtest/gtest.h>

#include "quiescence.h"
#include "store/clock.h"
#include "store_check.h"
#include "store_tables.h"

namespace sluice {
namespace {

constexpr EntryHash kEntry{1 << 10};
constexpr TatRule kRule{.capacity = 2, .interval = Nanos{50}};

class Undo : public ::testing::Test {
 protected:
  void Charge(Nanos now) {
    const TatTable::Cell cell = tables_.tats.Find(kEntry.bits, now);
    const Nanos tat = now + Backlog(cell.tat(), now) + kRule.interval;
    ASSERT_TRUE(tables_.tats.Set(cell, kEntry.bits, tat, kRule, now));
  }
  // Undoes a charge made to an empty bucket at `begun`.
  void UndoChargeOf(Nanos begun, std::uint64_t removals) {
    UndoCharge(tables_.tats, kEntry, kRule,
               {.produced = begun + kRule.interval, .amount = kRule.interval}, tables_.Later(begun),
               removals);
  }
  Nanos Tat(Nanos now) { return tables_.tats.Find(kEntry.bits, now).tat(); }

  ManualClock clock_;
  StoreTables tables_{100, 0, &clock_, Micros{0}};
  const Quiescence::Guard guard_;
};

TEST_F(Undo, TakesBackAChargeThatStillStands) {
  clock_.Set(Nanos{100});
  Charge(Nanos{100});
  Charge(Nanos{100});  // by another thread
  UndoChargeOf(Nanos{100}, tables_.tats.removals());
  EXPECT_EQ(Tat(Nanos{100}), Nanos{150});
}

TEST_F(Undo, ByAThreadThatStoodStillTakesNothingOfALaterCharge) {
  Charge(Nanos{100});
  const std::uint64_t removals = tables_.tats.removals();
  Charge(Nanos{200});  // by another thread, after the first had drained
  clock_.Set(Nanos{200});
  UndoChargeOf(Nanos{100}, removals);
  EXPECT_EQ(Tat(Nanos{200}), Nanos{250});
}

TEST_F(Undo, HalfDrainedTakesBackTheOtherHalf) {
  Charge(Nanos{100});
  Charge(Nanos{110});  // by another thread
  clock_.Set(Nanos{125});
  UndoChargeOf(Nanos{100}, tables_.tats.removals());
  EXPECT_EQ(Tat(Nanos{125}), Nanos{175});
}

}  // namespace
}  // namespace sluice
