// The list of logs and slots: its order, its capacity, and its agreement with a plain list.
#include "core/timed_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "support/scale.h"
#include "support/seed.h"

namespace sluice::testing {
namespace {

struct Item {
  Micros time{0};
  std::int64_t number = 0;
  bool operator==(const Item&) const = default;
};

using List = TimedList<Item>;

void Add(List& list, Item item) {
  if (list.full()) {
    const std::size_t capacity = list.NextCapacity();
    auto room = std::make_unique<Item[]>(capacity);
    list.Exchange(room, capacity);
  }
  list.Insert(item);
}

std::vector<Item> Items(const List& list) { return {list.items().begin(), list.items().end()}; }

TEST(TimedList, NeedsRoomBeforeItsFirstItem) {
  List list;
  EXPECT_TRUE(list.empty());
  EXPECT_TRUE(list.full());
  EXPECT_EQ(list.NextCapacity(), 4u);
}

TEST(TimedList, KeepsItemsOfOneTimeInTheOrderTheyCame) {
  List list;
  for (std::int64_t i = 0; i < 3; ++i) Add(list, {Micros{5}, i});
  Add(list, {Micros{4}, 9});
  const std::vector<Item> expected = {
      {Micros{4}, 9}, {Micros{5}, 0}, {Micros{5}, 1}, {Micros{5}, 2}};
  EXPECT_EQ(Items(list), expected);
}

TEST(TimedList, GrowsOnlyWhereMovingItsItemsToTheFrontWouldNotPay) {
  List list;
  for (std::int64_t i = 0; i < 4; ++i) Add(list, {Micros{i}, i});
  EXPECT_TRUE(list.full());
  list.DropFront(1);  // a quarter of the room is free in front
  EXPECT_FALSE(list.full());
  Add(list, {Micros{4}, 4});
  EXPECT_EQ(list.capacity(), 4u);
  EXPECT_EQ(list.front().number, 1);
  EXPECT_EQ(list.back().number, 4);
  EXPECT_TRUE(list.full());
  Add(list, {Micros{5}, 5});
  EXPECT_EQ(list.capacity(), 8u);
  for (std::int64_t i = 6; list.size() < 16; ++i) Add(list, {Micros{i}, i});
  EXPECT_EQ(list.capacity(), 16u);
  list.DropFront(1);  // less than an eighth
  EXPECT_TRUE(list.full());
  list.DropFront(1);
  EXPECT_FALSE(list.full());
}

TEST(TimedList, LeavesTheOldRoomToWhoeverBroughtTheNew) {
  List list;
  auto room = std::make_unique<Item[]>(4);
  const Item* const first = room.get();
  list.Exchange(room, 4);
  EXPECT_EQ(room, nullptr);
  list.Insert({Micros{1}, 1});
  room = std::make_unique<Item[]>(8);
  list.Exchange(room, 8);
  EXPECT_EQ(room.get(), first);
  EXPECT_EQ(list.back().number, 1);
}

TEST(TimedList, HoldsWhatAPlainListWould) {
  Random random(TestSeed());
  List list;
  std::vector<Item> plain;
  for (int step = Steps(20'000); step > 0; --step) {
    const auto any = [&] {
      return static_cast<std::size_t>(
          random.Between(0, static_cast<std::int64_t>(plain.size()) - 1));
    };
    switch (plain.empty() ? 0 : random.Between(0, 6)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const Item item{Micros{random.Between(0, 50)}, step};
        Add(list, item);
        plain.insert(std::ranges::upper_bound(plain, item.time, {}, &Item::time), item);
        break;
      }
      case 4: {
        const std::size_t n = any() + (random.OneIn(4) ? 1 : 0);
        list.DropFront(n);
        plain.erase(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(n));
        break;
      }
      case 5: {
        const std::size_t i = any();
        list.Erase(i);
        plain.erase(plain.begin() + static_cast<std::ptrdiff_t>(i));
        break;
      }
      default: {
        const Micros time{random.Between(-1, 51)};
        const auto count =
            std::ranges::count_if(plain, [time](const Item& item) { return item.time <= time; });
        ASSERT_EQ(list.CountUntil(time), static_cast<std::size_t>(count));
      }
    }
    ASSERT_EQ(Items(list), plain);
    ASSERT_LE(list.size(), list.capacity());
  }
}

}  // namespace
}  // namespace sluice::testing
