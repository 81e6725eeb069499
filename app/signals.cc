// SPDX-License-Identifier: Apache-2.0
#include "app/signals.h"

#include <cerrno>
#include <csignal>
#include <thread>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace tocsin {

struct StopSignals::Impl {
  std::function<void()> on_stop;
  std::function<void()> on_hangup;
  sigset_t waited{};
  sigset_t before{};
  int signals = -1;  // read: what came
  int ending = -1;   // readable once the thread is to end: at once, and by no signal of our own
  std::thread thread;

  void wait() {
    bool stopped = false;
    pollfd watched[] = {{signals, POLLIN, 0}, {ending, POLLIN, 0}};
    while (watched[1].revents == 0) {
      if (poll(watched, 2, -1) < 0 && errno != EINTR) {
        return;
      }
      signalfd_siginfo signal{};
      if ((watched[0].revents & POLLIN) == 0 ||
          read(signals, &signal, sizeof signal) != static_cast<ssize_t>(sizeof signal)) {
        continue;
      }
      if (signal.ssi_signo == SIGHUP) {
        on_hangup();
        continue;
      }
      if (stopped) {
        _exit(128 + static_cast<int>(signal.ssi_signo));
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
  impl_->signals = signalfd(-1, &impl_->waited, SFD_CLOEXEC);
  impl_->ending = eventfd(0, EFD_CLOEXEC);
  if (impl_->signals < 0 || impl_->ending < 0) {
    return;  // out of descriptors or memory at the start: the signals end the process as ever
  }
  pthread_sigmask(SIG_BLOCK, &impl_->waited, &impl_->before);
  impl_->thread = std::thread([this] { impl_->wait(); });
}

StopSignals::~StopSignals() {
  if (impl_->thread.joinable()) {
    eventfd_write(impl_->ending, 1);
    impl_->thread.join();
    pthread_sigmask(SIG_SETMASK, &impl_->before, nullptr);
  }
  close(impl_->signals);
  close(impl_->ending);
}

}  // namespace tocsin
