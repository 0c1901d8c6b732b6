// The list of threads that have ever used a table.
#include "quiescence.h"

namespace sluice {
namespace {

// Only grows, to one record for each thread alive at the same time. Never freed, so that threads
// that end after the process's static objects are safe.
constinit std::atomic<Quiescence::Participant*> participants{nullptr};

// Whether the thread has released its record. Needs no destructor, so it is readable to the end.
thread_local constinit bool has_left = false;

}  // namespace

// Releases the record when the thread ends.
struct Quiescence::Leave {
  Participant* mine = nullptr;
  ~Leave() {
    if (mine == nullptr) return;
    // A thread_local object that is destroyed later may still call a store.
    self_ = nullptr;
    has_left = true;
    mine->taken.store(false, std::memory_order_release);
  }
};

thread_local constinit Quiescence::Participant* Quiescence::self_ = nullptr;

Quiescence::Participant& Quiescence::Join() {
  Participant& mine = Take();
  self_ = &mine;
  // Nothing could release the record of a thread that has left any more: it stays taken.
  if (has_left) return mine;
  static thread_local Leave leave;
  leave.mine = &mine;
  return mine;
}

Quiescence::Participant& Quiescence::Take() {
  Participant* mine = participants.load(std::memory_order_acquire);
  for (; mine != nullptr; mine = mine->next) {
    bool taken = false;
    if (mine->taken.compare_exchange_strong(taken, true, std::memory_order_acq_rel)) break;
  }
  if (mine == nullptr) {
    mine = new Participant;
    mine->taken.store(true, std::memory_order_relaxed);
    mine->next = participants.load(std::memory_order_relaxed);
    while (!participants.compare_exchange_weak(mine->next, mine, std::memory_order_seq_cst)) {
    }
  }
  return *mine;
}

Quiescence::Grace::Grace() {
  for (Participant* p = participants.load(std::memory_order_seq_cst); p != nullptr; p = p->next) {
    const std::uint64_t count = p->count.load(std::memory_order_seq_cst);
    if (count % 2 != 0) busy_.emplace_back(p, count);
  }
}

bool Quiescence::Grace::Over() {
  std::erase_if(busy_, [](const auto& seen) {
    return seen.first->count.load(std::memory_order_acquire) != seen.second;
  });
  return busy_.empty();
}

}  // namespace sluice
