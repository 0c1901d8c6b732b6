// Numbers of a request for each of its policies, small where they are few or the same.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "core/policy.h"
#include "core/reading.h"

namespace sluice::redis {

/// Units for each policy: nearly always the same for all. Copies share what is not.
class Costs {
 public:
  Costs(std::int64_t all = 0) : all_(all) {}
  /// At most kMaxPolicies; 0 for those behind them.
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

  /// For calls that take a span: the first `count` are set.
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

/// A reading for each policy: those of a few policies in place. Moved from, it may be resized.
class Readings {
 public:
  /// All of them fresh.
  void Resize(std::size_t count) {
    few_ = {};
    many_.clear();
    if (count > few_.size()) many_.resize(count);
    size_ = count;
  }

  std::size_t size() const { return size_; }
  Reading* data() { return many_.empty() ? few_.data() : many_.data(); }
  const Reading* data() const { return many_.empty() ? few_.data() : many_.data(); }
  Reading& operator[](std::size_t policy) { return data()[policy]; }
  const Reading& operator[](std::size_t policy) const { return data()[policy]; }
  const Reading* begin() const { return data(); }
  const Reading* end() const { return data() + size_; }

 private:
  std::array<Reading, 3> few_;
  std::vector<Reading> many_;
  std::size_t size_ = 0;
};

}  // namespace sluice::redis
