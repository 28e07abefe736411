// The span that tells a destination what was lost on the way to it.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <waggle/pipeline/loss_report.hpp>

using waggle::DropReason;
using waggle::detail::DropCounts;
using waggle::detail::LossReport;

namespace {

DropCounts lost(std::map<DropReason, std::uint64_t> counts) {
  DropCounts result{};
  for (const auto& [reason, count] : counts) result[static_cast<std::size_t>(reason)] = count;
  return result;
}

using Told = std::map<std::string, std::int64_t>;

Told told_by(const LossReport& report) {
  Told told;
  for (const waggle::AttributeView& attribute : report.span().attributes) {
    CHECK(attribute.value.tag() == waggle::ValueTag::Int64);
    CHECK(told.emplace(attribute.key, attribute.value.int64()).second);
  }
  return told;
}

struct Reporting {
  waggle::detail::IdGenerator ids;
  LossReport report;
  Reporting() { ids.seed(1, 2); }

  bool write(const DropCounts& counts, std::uint64_t now = 0) {
    return report.write(counts, now, ids);
  }
};

}  // namespace

TEST_CASE("there is nothing to tell as long as nothing is lost") {
  Reporting it;
  it.report.begin(lost({}), 100);
  CHECK_FALSE(it.write(lost({})));
}

TEST_CASE("each reason is told under its name, with the count since the beginning") {
  Reporting it;
  it.report.begin(lost({{DropReason::RingFull, 5}, {DropReason::TooLarge, 1}}), 100);
  REQUIRE(it.write(lost({{DropReason::RingFull, 8},
                         {DropReason::TooLarge, 1},
                         {DropReason::MemoryLimit, 2},
                         {DropReason::Forked, 4}}),
                   900));
  CHECK(told_by(it.report) == Told{{"waggle.lost_spans.ring_full", 3},
                                   {"waggle.lost_spans.memory_limit", 2},
                                   {"waggle.lost_spans.forked", 4}});
  const waggle::FinishedSpan& span = it.report.span();
  CHECK(span.scope.name == "waggle");
  CHECK(span.scope.version == WAGGLE_VERSION);
  CHECK(span.name == "spans lost");
  CHECK(span.start_unix_nanoseconds == 100);
  CHECK(span.end_unix_nanoseconds == 900);
  CHECK(span.trace_flags == waggle::kTraceFlagSampled);
  CHECK(span.trace_id.is_valid());
  CHECK(span.span_id.is_valid());
  CHECK_FALSE(span.parent_id.is_valid());
}

TEST_CASE("what a filter drops is no loss") {
  Reporting it;
  CHECK_FALSE(it.write(lost({{DropReason::Filtered, 9}})));
  REQUIRE(it.write(lost({{DropReason::Filtered, 10}, {DropReason::Reentrant, 1}})));
  CHECK(told_by(it.report) == Told{{"waggle.lost_spans.reentrant", 1}});
}

TEST_CASE("what has arrived is not told again, and the next report begins where it ended") {
  Reporting it;
  it.report.begin(lost({}), 100);
  REQUIRE(it.write(lost({{DropReason::RingFull, 3}}), 200));
  it.report.arrived();
  CHECK_FALSE(it.write(lost({{DropReason::RingFull, 3}}), 300));
  REQUIRE(it.write(lost({{DropReason::RingFull, 4}, {DropReason::TooLarge, 2}}), 400));
  CHECK(told_by(it.report) ==
        Told{{"waggle.lost_spans.ring_full", 1}, {"waggle.lost_spans.too_large", 2}});
  CHECK(it.report.span().start_unix_nanoseconds == 200);
  CHECK(it.report.span().end_unix_nanoseconds == 400);
}

TEST_CASE("what has not arrived is told again, with what was lost since") {
  Reporting it;
  it.report.begin(lost({}), 100);
  REQUIRE(it.write(lost({{DropReason::RingFull, 3}}), 200));
  const waggle::SpanId first = it.report.span().span_id;
  REQUIRE(it.write(lost({{DropReason::RingFull, 7}}), 300));
  CHECK(told_by(it.report) == Told{{"waggle.lost_spans.ring_full", 7}});
  CHECK(it.report.span().start_unix_nanoseconds == 100);
  CHECK(it.report.span().span_id != first);
}

TEST_CASE("all reasons can be told at once") {
  Reporting it;
  DropCounts all;
  all.fill(1);
  REQUIRE(it.write(all));
  CHECK(told_by(it.report).size() == waggle::kDropReasonCount - 1);
}

TEST_CASE("a clock that was set back makes no span that ends before it starts") {
  Reporting it;
  it.report.begin(lost({}), 500);
  REQUIRE(it.write(lost({{DropReason::RingFull, 1}}), 400));
  CHECK(it.report.span().end_unix_nanoseconds == 500);
}
