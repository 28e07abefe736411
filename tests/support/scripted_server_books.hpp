// What a scripted server has seen and said, span by span: the other half of the exporter's books.
#ifndef WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_BOOKS_HPP
#define WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_BOOKS_HPP

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "strict_otlp.hpp"

namespace waggle_test {

// A span of waggle's own scope is a loss report, and in nobody's books.
struct ReceivedSpan {
  std::string id;
  std::int64_t number = 0;  // its attribute "number"
  bool is_loss_report = false;
};

// How much of a reply can have come through.
enum class Said {
  Nothing,   // not a byte
  Cut,       // a part that makes no complete reply
  Doubtful,  // perhaps all of it: its length was wrong, or a reset came after it
  All,       // all of it, and the connection ended in order or is still open
};

// One request, whole or not.
struct Exchange {
  std::string act;
  bool is_whole = false;
  std::vector<std::string> complaints;  // about the request
  std::size_t body_size = 0;            // before any compression
  std::vector<ReceivedSpan> spans;      // of a whole request
  bool is_kept = false;
  std::uint64_t rejected = 0;  // of the spans, the first ones that are no loss reports
  int status = 0;
  Said said = Said::Nothing;

  bool accepts() const { return status / 100 == 2 && said != Said::Nothing; }
};

// Uncompresses; false unless `bytes` are one whole gzip member.
inline bool gunzip(const std::string& bytes, std::string& text) {
  z_stream stream{};
  if (::inflateInit2(&stream, 15 + 16) != Z_OK) return false;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  int code = Z_OK;
  while (code == Z_OK) {
    char part[64 * 1024];
    stream.next_out = reinterpret_cast<Bytef*>(part);
    stream.avail_out = sizeof(part);
    code = ::inflate(&stream, Z_NO_FLUSH);
    text.append(part, sizeof(part) - stream.avail_out);
  }
  ::inflateEnd(&stream);
  return code == Z_STREAM_END && stream.avail_in == 0;
}

inline std::int64_t number_of(const nlohmann::json& span) {
  if (!span.contains("attributes")) return 0;
  for (const nlohmann::json& attribute : span["attributes"]) {
    if (attribute["key"] == "number") {
      return std::strtoll(attribute["value"].value("intValue", "").c_str(), nullptr, 10);
    }
  }
  return 0;
}

// Reads a body into `exchange`: its spans, or complaints.
inline void read_spans(const std::string& body, bool is_strict, Exchange& exchange) {
  exchange.body_size = body.size();
  nlohmann::json json = nlohmann::json::parse(body, nullptr, false);
  if (is_strict || json.is_discarded()) {
    const StrictOtlpReader strict(body);
    exchange.complaints.insert(exchange.complaints.end(), strict.complaints().begin(),
                               strict.complaints().end());
    if (!strict.complaints().empty()) return;
  }
  for (nlohmann::json& resource : json["resourceSpans"]) {
    for (nlohmann::json& scope : resource["scopeSpans"]) {
      const bool is_own = scope["scope"].value("name", "") == "waggle";
      for (nlohmann::json& span : scope["spans"]) {
        exchange.spans.push_back({span["spanId"].get<std::string>(), number_of(span), is_own});
      }
    }
  }
}

// The sum of all exchanges.
struct ServerBooks {
  std::map<std::string, int> kept;              // how many times each span was kept
  std::map<std::string, std::int64_t> read;     // each span of a whole request, with its number
  std::set<std::string> surely_accepted;        // 2xx, and the reply came through
  std::set<std::string> maybe_accepted;         // 2xx, but the reply may have been lost or cut
  std::set<std::string> cut;                    // 2xx of which only a part was sent
  std::set<std::string> rejected;               // by such a 2xx, one by one
  std::set<std::string> read_after_acceptance;  // sent once more after a sure acceptance
  std::vector<std::string> complaints;
  std::uint64_t loss_reports = 0;

  explicit ServerBooks(const std::vector<Exchange>& exchanges) {
    for (const Exchange& exchange : exchanges) add(exchange);
  }

  // Tells whether a 2xx, whole or in part, was sent for the span.
  bool is_answered(const std::string& id) const {
    return surely_accepted.count(id) + maybe_accepted.count(id) + cut.count(id) != 0;
  }

 private:
  void add(const Exchange& exchange) {
    complaints.insert(complaints.end(), exchange.complaints.begin(), exchange.complaints.end());
    std::uint64_t left_to_reject = exchange.rejected;
    for (const ReceivedSpan& span : exchange.spans) {
      if (span.is_loss_report) {
        ++loss_reports;
        continue;
      }
      if (surely_accepted.count(span.id) != 0) read_after_acceptance.insert(span.id);
      read[span.id] = span.number;
      const bool is_rejected = left_to_reject > 0;
      if (is_rejected) --left_to_reject;
      if (is_rejected && exchange.accepts()) rejected.insert(span.id);
      if (!is_rejected && exchange.is_kept) ++kept[span.id];
      if (exchange.accepts()) accepted_by(exchange.said).insert(span.id);
    }
  }

  std::set<std::string>& accepted_by(Said said) {
    return said == Said::All ? surely_accepted : said == Said::Doubtful ? maybe_accepted : cut;
  }
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_BOOKS_HPP
