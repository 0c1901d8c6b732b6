// A list of items in the order of their times, for the sliding log and for the slots of a
// concurrency limit. Never allocates: its owner provides larger room, made where that does no harm.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "core/time.h"

namespace sluice {

/// `Item` is a small trivially copyable struct with a member `Micros time`. Not thread safe.
template <typename Item>
class TimedList {
 public:
  using Value = Item;

  std::span<const Item> items() const { return {room_.get() + head_, count_}; }
  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  /// The number of items that fit.
  std::size_t capacity() const { return capacity_; }
  const Item& front() const { return room_[head_]; }
  const Item& back() const { return room_[head_ + count_ - 1]; }
  Item& operator[](std::size_t i) { return room_[head_ + i]; }

  /// Whether Insert first needs larger room: there is none behind the last item, and too little
  /// before the first one to move all of them there.
  bool full() const { return head_ + count_ == capacity_ && (head_ == 0 || head_ < capacity_ / 8); }
  /// The size of the room that should replace a full one.
  std::size_t NextCapacity() const { return std::max<std::size_t>(4, 2 * capacity_); }
  /// Moves into `room` and leaves the old one in it, to be freed where that does no harm.
  /// Precondition: capacity >= size().
  void Exchange(std::unique_ptr<Item[]>& room, std::size_t capacity) {
    std::copy_n(room_.get() + head_, count_, room.get());
    room_.swap(room);
    head_ = 0;
    capacity_ = capacity;
  }

  /// Puts an item behind all that are not later. Precondition: not full().
  void Insert(const Item& item) {
    if (head_ + count_ == capacity_) {
      std::copy_n(room_.get() + head_, count_, room_.get());
      head_ = 0;
    }
    std::size_t at = head_ + count_;
    for (; at > head_ && room_[at - 1].time > item.time; --at) room_[at] = room_[at - 1];
    room_[at] = item;
    ++count_;
  }
  void DropFront(std::size_t n) {
    head_ += n;
    count_ -= n;
    // Makes Insert copy fewer items than it moves.
    if (count_ == 0) head_ = 0;
  }
  void Erase(std::size_t i) {
    std::copy(room_.get() + head_ + i + 1, room_.get() + head_ + count_, room_.get() + head_ + i);
    --count_;
  }
  /// The number of items that are not later than `time`.
  std::size_t CountUntil(Micros time) const {
    const auto all = items();
    return static_cast<std::size_t>(std::ranges::upper_bound(all, time, {}, &Item::time) -
                                    all.begin());
  }

 private:
  std::unique_ptr<Item[]> room_;
  std::size_t capacity_ = 0;
  std::size_t head_ = 0;
  std::size_t count_ = 0;
};

}  // namespace sluice
