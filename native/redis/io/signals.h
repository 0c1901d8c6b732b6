// Keeps the process's signals away from our threads: its handlers do not expect them.
#pragma once

#include <pthread.h>

#include <csignal>

namespace sluice::redis {

/// A thread started while one of these exists receives no signals. Put it around the start, on the
/// starting thread.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace sluice::redis
