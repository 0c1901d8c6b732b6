// Detects when no thread can still read memory that was taken out of use.
//
// A thread marks that it is inside an operation by making its counter odd (Guard), and that it has
// left by making it even. The remover of an object records the odd counters of that moment (Grace).
// Once each of them has changed, every operation that could have seen the object has ended. No
// thread ever waits: a thread that is descheduled inside an operation only postpones the freeing.
//
// Source: K. Fraser, "Practical lock-freedom" (2004), epoch-based reclamation, with a counter per
// thread instead of a global epoch.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

namespace sluice {

class Quiescence {
 public:
  /// One per thread of the process, shared by all tables; reused after its thread has ended.
  struct alignas(64) Participant {
    std::atomic<std::uint64_t> count{0};
    std::atomic<bool> taken{false};
    Participant* next = nullptr;
  };

  /// Marks the calling thread as inside an operation. Does not nest.
  class Guard {
   public:
    Guard() : self_(Self()), count_(self_.count.load(std::memory_order_relaxed)) {
      // Sequentially consistent: the announcement comes before any pointer is read.
      self_.count.store(count_ + 1, std::memory_order_seq_cst);
    }
    ~Guard() { self_.count.store(count_ + 2, std::memory_order_release); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Participant& self_;
    std::uint64_t count_;
  };

  /// The operations that were running when it was made.
  class Grace {
   public:
    Grace();
    /// Whether all of them have ended. Once true, stays true.
    bool Over();

   private:
    std::vector<std::pair<Participant*, std::uint64_t>> busy_;
  };

 private:
  static Participant& Self() {
    Participant* self = self_;
    return self != nullptr ? *self : Join();
  }
  struct Leave;
  /// The calling thread's first operation.
  static Participant& Join();
  /// A record that no other thread has.
  static Participant& Take();

  static thread_local constinit Participant* self_;
};

}  // namespace sluice
