// SPDX-License-Identifier: Apache-2.0
#include "app/signals.h"

#include <atomic>
#include <csignal>
#include <ctime>
#include <thread>

#include <pthread.h>
#include <unistd.h>

namespace tocsin {

struct StopSignals::Impl {
  std::function<void()> on_stop;
  std::function<void()> on_hangup;
  sigset_t waited{};
  sigset_t before{};
  std::atomic<bool> ending{false};
  std::thread thread;

  void wait() {
    bool stopped = false;
    // A bounded wait instead of a signal of our own to end the thread: nobody else's signal can be
    // mistaken for it.
    const timespec at_most{0, 100'000'000};
    while (!ending.load()) {
      const int signal = sigtimedwait(&waited, nullptr, &at_most);
      if (signal < 0) {
        continue;
      }
      if (signal == SIGHUP) {
        on_hangup();
        continue;
      }
      if (stopped) {
        _exit(128 + signal);
      }
      stopped = true;
      on_stop();
    }
  }
};

StopSignals::StopSignals(std::function<void()> on_stop, std::function<void()> on_hangup)
    : impl_(std::make_unique<Impl>()) {
  impl_->on_stop = std::move(on_stop);
  impl_->on_hangup = std::move(on_hangup);
  sigemptyset(&impl_->waited);
  sigaddset(&impl_->waited, SIGINT);
  sigaddset(&impl_->waited, SIGTERM);
  if (impl_->on_hangup) {
    sigaddset(&impl_->waited, SIGHUP);
  }
  pthread_sigmask(SIG_BLOCK, &impl_->waited, &impl_->before);
  impl_->thread = std::thread([this] { impl_->wait(); });
}

StopSignals::~StopSignals() {
  impl_->ending.store(true);
  impl_->thread.join();
  pthread_sigmask(SIG_SETMASK, &impl_->before, nullptr);
}

}  // namespace tocsin
