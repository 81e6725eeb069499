// SPDX-License-Identifier: Apache-2.0
#include "tests/support/process.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tocsin::test {
namespace {

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

pid_t spawn(const std::vector<std::string>& arguments,
            const std::string& in,
            const std::string& out,
            const std::string& err) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) {
    return pid;
  }
  const auto redirect = [](const std::string& path, int flags, int target) {
    const int descriptor = open(path.c_str(), flags, 0600);
    if (descriptor < 0 || dup2(descriptor, target) < 0) {
      _exit(126);
    }
  };
  redirect(in, O_RDONLY, STDIN_FILENO);
  redirect(out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  redirect(err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
  execvp(argv[0], argv.data());
  _exit(127);
}

// The exit status, or -1 if it still runs.
int try_wait(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) != pid) {
    return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

long long monotonic_milliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void pause_briefly() {
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

ProcessResult run_process(const std::vector<std::string>& arguments,
                          const std::string& input,
                          int seconds_max) {
  const ScratchFolder folder;
  folder.write("in", input);
  const pid_t pid = spawn(arguments, folder.file("in"), folder.file("out"), folder.file("err"));
  ProcessResult result;
  if (!eventually([&] { return (result.status = try_wait(pid)) != -1; }, seconds_max)) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  result.out = folder.read("out");
  result.err = folder.read("err");
  return result;
}

Process::Process(const std::vector<std::string>& arguments,
                 const std::string& out_file,
                 const std::string& err_file)
    : pid_(spawn(arguments, "/dev/null", out_file, err_file)) {}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

void Process::signal(int number) const {
  if (pid_ > 0) {
    kill(pid_, number);
  }
}

int Process::wait(int seconds_max) {
  int status = -1;
  if (!eventually([&] { return (status = try_wait(pid_)) != -1; }, seconds_max)) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_ = -1;
  return status;
}

ScratchFolder::ScratchFolder() {
  path_ = (std::filesystem::temp_directory_path() / "tocsin-test-XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr) {
    throw std::runtime_error("no scratch folder can be made");
  }
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ScratchFolder::write(const std::string& name, const std::string& text) const {
  const std::string path = file(name);
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

void ScratchFolder::append(const std::string& name, const std::string& text) const {
  std::ofstream(file(name), std::ios::binary | std::ios::app) << text;
}

std::string ScratchFolder::read(const std::string& name) const {
  return slurp(file(name));
}

}  // namespace tocsin::test
