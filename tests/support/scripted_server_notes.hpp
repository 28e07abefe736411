// What the threads of a scripted server share with each other and with the test: the script, the
// exchanges so far, and who waits for what.
#ifndef WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_NOTES_HPP
#define WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_NOTES_HPP

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "scripted_server_act.hpp"
#include "scripted_server_books.hpp"

namespace waggle_test {

// Every call comes from any thread.
class ServerNotes {
 public:
  explicit ServerNotes(ActScript script) : script_(std::move(script)) {}

  // Begins an exchange; stores its number and returns its act.
  Act begin(std::size_t& number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    number = exchanges_.size();
    Act act = script_(number);
    exchanges_.emplace_back().act = act.name;
    changed_.notify_all();
    return act;
  }

  void note(std::size_t number, const Exchange& exchange) {
    const std::lock_guard<std::mutex> lock(mutex_);
    exchanges_[number] = exchange;
    changed_.notify_all();
  }

  std::vector<Exchange> exchanges() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return exchanges_;
  }

  void count_connection() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++connections_;
  }

  std::size_t connections() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return connections_;
  }

  // Blocks until let_go(), or end(): then false.
  bool stall() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++stalled_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return has_ended_ || is_let_go_; });
    return !has_ended_;
  }

  // Blocks for `length`; false at end().
  bool pause(std::chrono::milliseconds length) {
    if (length.count() == 0) return true;
    std::unique_lock<std::mutex> lock(mutex_);
    return !changed_.wait_for(lock, length, [this] { return has_ended_; });
  }

  void let_go() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_let_go_ = true;
    changed_.notify_all();
  }

  void end() {
    const std::lock_guard<std::mutex> lock(mutex_);
    has_ended_ = true;
    changed_.notify_all();
  }

  bool wait_for_requests(std::size_t count, std::chrono::milliseconds longest) {
    return wait_for(longest, [&] { return exchanges_.size() >= count; });
  }
  bool wait_for_stalled(std::size_t count, std::chrono::milliseconds longest) {
    return wait_for(longest, [&] { return stalled_ >= count; });
  }

 private:
  template <class Condition>
  bool wait_for(std::chrono::milliseconds longest, Condition condition) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, longest, condition);
  }

  mutable std::mutex mutex_;  // guards what follows, and the calls of the script
  std::condition_variable changed_;
  ActScript script_;
  std::vector<Exchange> exchanges_;
  std::size_t connections_ = 0;
  std::size_t stalled_ = 0;
  bool is_let_go_ = false;
  bool has_ended_ = false;
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_NOTES_HPP
