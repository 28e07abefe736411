// One row of the table, and how a program hands it over: as one line of JSON on its standard
// output, which report.py collects.
#ifndef WAGGLE_BENCH_SUPPORT_ROW_HPP
#define WAGGLE_BENCH_SUPPORT_ROW_HPP

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace bench {

// Samples of one quantity, in any order.
class Samples {
 public:
  void reserve(std::size_t count) { values_.reserve(count); }
  void add(double value) { values_.push_back(value); }
  void append(const Samples& more) {
    values_.insert(values_.end(), more.values_.begin(), more.values_.end());
  }
  void clear() noexcept { values_.clear(); }
  std::size_t size() const noexcept { return values_.size(); }
  bool empty() const noexcept { return values_.empty(); }

  // Returns the value that `share` of the samples do not exceed.
  double percentile(double share) {
    if (values_.empty()) return 0;
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(values_.size()));
    const auto nth =
        values_.begin() + static_cast<std::ptrdiff_t>((std::min)(rank, values_.size() - 1));
    std::nth_element(values_.begin(), nth, values_.end());
    return *nth;
  }
  double median() { return percentile(0.5); }
  double largest() { return percentile(1); }

 private:
  std::vector<double> values_;
};

// Writes one row, field by field, when it goes out of scope.
class Row {
 public:
  explicit Row(const std::string& name) : line_("{\"case\": \"" + name + "\"") {}
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;
  ~Row() {
    std::printf("%s}\n", line_.c_str());
    std::fflush(stdout);
  }

  Row& number(const char* name, double value) {
    char text[64];
    std::snprintf(text, sizeof(text), "%.6g", value);
    return add(name, text);
  }
  // Adds the curve from which percentiles are drawn: pairs of a percentage and a value.
  Row& curve(const char* name, Samples& samples) {
    std::string points;
    for (const double percentage : {0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8,
                                    99.9, 99.95, 99.98, 99.99}) {
      char text[64];
      std::snprintf(text, sizeof(text), "%s[%g, %.6g]", points.empty() ? "" : ", ", percentage,
                    samples.percentile(percentage / 100));
      points += text;
    }
    return add(name, "[" + points + "]");
  }
  Row& count(const char* name, std::uint64_t value) { return add(name, std::to_string(value)); }
  Row& text(const char* name, const std::string& value) { return add(name, "\"" + value + "\""); }

 private:
  Row& add(const char* name, const std::string& value) {
    line_ += std::string(", \"") + name + "\": " + value;
    return *this;
  }

  std::string line_;
};

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_ROW_HPP
