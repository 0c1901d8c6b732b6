// Settlements: the newest charges are given back first.
#include "core/ledger.h"

#include <algorithm>

namespace sluice {

std::int64_t Hold::Estimate() const {
  std::int64_t sum = 0;
  for (const HoldCharge& charge : Charges()) sum += charge.units;
  return sum;
}

void Hold::AddCharge(std::int64_t units, std::int64_t mark) {
  const bool joins = count == kMostCharges || (count > 0 && charges[count - 1U].mark == mark);
  if (joins) {
    charges[count - 1U].units += units;
  } else {
    charges[count++] = {.units = units, .mark = mark};
  }
}

std::int64_t Hold::UsageAtExpiry() const {
  switch (on_expire) {
    case OnExpire::kEstimate:
      return std::max(used, Estimate());
    case OnExpire::kCheckpoint:
      return used;
    case OnExpire::kRefund:
      return 0;
  }
  return used;
}

Settlement SettlementOf(const Hold& hold, std::int64_t usage) {
  Settlement settlement;
  std::int64_t excess = hold.Estimate() - usage;
  settlement.more = std::max<std::int64_t>(0, -excess);
  for (std::size_t i = hold.count; i-- > 0 && excess > 0;) {
    const std::int64_t units = std::min(excess, hold.charges[i].units);
    settlement.credits[settlement.count++] = {.units = units, .mark = hold.charges[i].mark};
    excess -= units;
  }
  return settlement;
}

}  // namespace sluice
