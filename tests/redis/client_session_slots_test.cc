// Slots that a relay has no use for: given back, also before a check is asked again under its id.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "redis/client_session_driver.h"
#include "support/policies.h"

namespace sluice::redis {
namespace {

using Command = ClientSession::Command;
using Kind = Request::Kind;

constexpr HolderId kHolder{.high = 0, .low = 0xab};
const std::string kHolderText = std::string(30, '0') + "ab";

// Asks for the only slot, as kHolder. With `id` by one.
std::uint64_t CheckForASlot(ClientSessionDriver& driver, std::string_view id = {}) {
  static const auto set = std::make_shared<const PolicySet>(
      std::vector{Policy{.name = "s", .algorithm = testing::Slots(1, std::chrono::hours(1))}}, "p");
  Request check = driver.Make(Kind::kCheck, "k", 100 * kMillisecond);
  check.set = set;
  check.options = std::make_shared<Operation::Options>(Operation::Options{.holder = kHolder});
  if (!id.empty()) {
    check.digests = std::make_shared<IdDigests>(IdDigests{.name = std::string(id), .print = "ab"});
  }
  return driver.Submit(std::move(check));
}

TEST(ClientSessionSlots, ASlotThatNobodyHasUseForIsGivenBack) {
  for (const bool answered : {true, false}) {
    ClientSessionDriver driver;
    const auto ticket = CheckForASlot(driver);
    const Command check = driver.SentOne();
    driver.Pass(100 * kMillisecond);
    EXPECT_EQ(driver.Result(ticket).fault, Fault::kTimeout);
    if (answered) {
      driver.Answer(check, {5, 0, 0, 0});
    } else {
      driver.Lose(check);  // it may have been executed
    }
    const Command release = driver.SentOne();
    ASSERT_EQ(release.name, "evalsha");
    EXPECT_EQ(release.pieces.at(6), "release");
    EXPECT_EQ(release.pieces.back(), kHolderText);
  }
}

const std::vector<std::string> kReleaseOfTheId = {"1", "1", "release+",   "n",         "0", "0",
                                                  "1", "1", "3600000000", kHolderText, "ab"};

TEST(ClientSessionSlots, ACheckWithAnIdIsAskedAgainBehindTheReleaseOfWhatItMayHaveTaken) {
  ClientSessionDriver driver;
  const auto ticket = CheckForASlot(driver, "1d");
  const Command first = driver.SentOne();
  driver.Lose(first);
  EXPECT_FALSE(driver.Answered(ticket));
  const Command again = driver.SentOne();
  // Both have its three keys, and it asks for the same.
  std::vector<std::string> both(first.pieces.begin() + 2, first.pieces.begin() + 5);
  both.insert(both.end(), first.pieces.begin() + 2, first.pieces.begin() + 5);
  both.insert(both.end(), kReleaseOfTheId.begin(), kReleaseOfTheId.end());
  both.insert(both.end(), first.pieces.begin() + 5, first.pieces.end());
  EXPECT_EQ(std::vector(again.pieces.begin() + 2, again.pieces.end()), both);
  driver.Answer(again, {5, 1, 0, 0, 0});
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_EQ(driver.Result(ticket).readings[0].numbers[0], 0);
  EXPECT_EQ(driver.session.stats().submitted, driver.session.stats().completed);
}

TEST(ClientSessionSlots, OfACheckThatCannotBeAskedAgainTheSlotIsStillGivenBack) {
  ClientSessionDriver driver;
  driver.Check("a");
  driver.Lose(driver.SentOne());
  const auto ticket = CheckForASlot(driver, "1d");
  driver.Lose(driver.SentOne());
  ASSERT_EQ(driver.session.stats().breaker, BreakerState::kOpen);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kUnavailable);
  driver.Pass(2 * kSecond);
  const Command release = driver.SentOne();
  EXPECT_EQ(std::vector(release.pieces.begin() + 5, release.pieces.end()), kReleaseOfTheId);
  driver.Answer(release, {5, 1});
  EXPECT_EQ(driver.session.stats().submitted, driver.session.stats().completed);
}

}  // namespace
}  // namespace sluice::redis
